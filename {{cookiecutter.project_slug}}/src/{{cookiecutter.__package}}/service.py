"""What the service is made of."""

from .config import Config
from .handlers import Chat
from .identity import authenticators
from .rooms import Service


def make_service(config: Config) -> Service:
    """Say what the service is made of, without I/O: documents are written from it too."""
    return Service(handlers=[Chat()], authenticators=authenticators(config))
