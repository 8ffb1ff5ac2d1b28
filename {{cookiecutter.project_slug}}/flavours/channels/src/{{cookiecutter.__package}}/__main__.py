"""The one command that starts the service."""

import argparse
import os

import django
from django.conf import settings

from .server.run import run
from .web import about

os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"{__package__}.settings")


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(about.TITLE, description=about.printable_summary())
    parser.add_argument("--reload", action="store_true", help="restart when a source file changes")
    reload: bool = parser.parse_args().reload
    django.setup()
    # Only now: Django's models need its settings.
    from .web.tables import prepare_tables  # noqa: PLC0415 (see above)

    prepare_tables()
    run(f"{__package__}.web.asgi:application", settings.SERVICE, reload=reload)


if __name__ == "__main__":
    main()
