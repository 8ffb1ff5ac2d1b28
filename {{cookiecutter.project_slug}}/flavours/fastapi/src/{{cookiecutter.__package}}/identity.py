"""Who a client is."""

from .config import Config
from .rooms import Authenticator, Guests, Tokens, providers


def authenticators(config: Config) -> list[Authenticator]:
    """Name what tells who a client is: the first that knows it counts."""
    return [
        *providers(config),
        Tokens(config.secret_key),
        Guests(allowed=config.guests),
    ]
