"""The Django app that brings the rooms."""

from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    """Rooms over WebSockets."""

    name = __name__.rpartition(".")[0]
    label = "realtime"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the signals."""
        from . import signals  # noqa: F401 (its receivers need models)
