"""The engine: rooms and connections to them. What is named here is for your code.

Import it from here. The modules below may change with each release of the template.
"""

from .auth.handshake import Handshake
from .auth.identities import Authenticator, Guests, Identity
from .auth.provider import providers
from .auth.tokens import Tokens
from .client import Client, JoinRequest, Publication
from .errors import Refused, RoomsError, UnavailableError
from .handler import RoomHandler, on
from .names import is_user_name
from .protocol.closes import Advice, Close, CloseConnection, CloseRow, CloseSpec
from .protocol.own import FromClient, ToClient
from .service import Resource, Service

__all__ = [
    "Advice",
    "Authenticator",
    "Client",
    "Close",
    "CloseConnection",
    "CloseRow",
    "CloseSpec",
    "FromClient",
    "Guests",
    "Handshake",
    "Identity",
    "JoinRequest",
    "Publication",
    "Refused",
    "Resource",
    "RoomHandler",
    "RoomsError",
    "Service",
    "ToClient",
    "Tokens",
    "UnavailableError",
    "is_user_name",
    "on",
    "providers",
]
