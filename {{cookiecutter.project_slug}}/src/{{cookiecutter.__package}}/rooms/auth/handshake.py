"""What a client says in its opening request, besides the path."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..protocol.closes import Close

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Handshake(NamedTuple):
    """What a client says of itself.

    `subprotocol` is the one to select; `after` the last position that it saw; `last` how many
    messages it wants that were said lately. `token` is None where
    there is none, and where `unusable_token` says that what is there can't be used. `query` has the
    first value of each parameter; `headers` have lower-case names, and commas between the values of
    one that is given several times. `address` is empty where the server has none. `extra` is what
    an adapter adds for an authenticator of its own. A client with a `refusal` is not let in.
    """

    subprotocol: str | None = None
    token: str | None = None
    after: str | None = None
    last: int = 0
    unusable_token: bool = False
    query: Mapping[str, str] = _NOTHING
    headers: Mapping[str, str] = _NOTHING
    address: str = ""
    extra: Mapping[str, Any] = _NOTHING
    refusal: Close | None = None
