"""`manage.py runserver`: Django's command, on the server that runs in production."""

from django.conf import settings
from django.core.management.commands import runserver

from ....server.run import run
from ...tables import prepare_tables

_WEB = __name__.rpartition(".management.")[0]


class Command(runserver.Command):
    """Serves HTTP and WebSockets, and restarts when a source file changes."""

    help = "Starts the service for development: HTTP and WebSockets."
    default_addr = settings.SERVICE.host
    default_port = str(settings.SERVICE.port)
    addr: str
    port: str

    def run(self, **options: object) -> None:
        """Check the project as Django does, then serve."""
        if not options["skip_checks"]:
            self.check(display_num_errors=True)
        prepare_tables()
        config = settings.SERVICE.model_copy(update={"host": self.addr, "port": int(self.port)})
        run(f"{_WEB}.asgi:application", config, reload=bool(options["use_reloader"]))
