"""The service's settings."""

from .web.config import DjangoConfig


class Config(DjangoConfig):
    """What the service is set to: a setting of your own is a field here."""
