"""The service's settings."""

from .rooms.config import ServiceConfig


class Config(ServiceConfig):
    """What the service is set to: a setting of your own is a field here."""
