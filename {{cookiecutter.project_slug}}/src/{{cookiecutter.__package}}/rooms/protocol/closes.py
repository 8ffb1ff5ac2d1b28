"""How a connection ends: the only place where close codes and reasons stand."""

from collections.abc import Container
from dataclasses import dataclass
from enum import Enum, StrEnum


class Advice(StrEnum):
    """What a client should do after a close."""

    STOP = "stop"
    AUTHENTICATE = "get a token"
    AUTHENTICATE_AND_RETURN = "get a token, come back"
    RETURN_AFTER_DELAY = "come back after `retry_after`"
    RETURN_WITH_POSITION = "come back with `after`"
    TRY_LATER = "try later"
    RETURN_GROWING_DELAY = "come back with a growing delay"


@dataclass(frozen=True, slots=True)
class CloseSpec:
    """One way to end.

    `reason` is what the close frame carries, at most 123 bytes of UTF-8; None where the
    server library closes and words it. `last_words` is the type of the frame that is sent
    before the close; None where there is none.
    """

    code: int
    reason: str | None
    advice: Advice
    explanation: str
    last_words: str | None = None


class CloseRow(Enum):
    """A table of ways to end. One of yours derives of this; its codes are 4000 to 4999."""

    @property
    def row(self) -> CloseSpec:
        """The code, the reason and what goes with them."""
        spec: CloseSpec = self.value
        return spec


class Close(CloseRow):
    """Every way in which the service ends a connection by itself."""

    ROOM_NOT_FOUND = CloseSpec(1008, "Room does not exist", Advice.STOP, "No room has this name.")
    TOKEN_REQUIRED = CloseSpec(
        3000,
        "Token required",
        Advice.AUTHENTICATE,
        "The room has a password, or guests are not allowed.",
    )
    TOKEN_INVALID = CloseSpec(
        3000,
        "Token invalid",
        Advice.AUTHENTICATE,
        "The token is malformed, or was not signed with this service's key.",
    )
    TOKEN_EXPIRED = CloseSpec(
        3000,
        "Token expired",
        Advice.AUTHENTICATE_AND_RETURN,
        "The token's time is over, when connecting or while connected.",
        "jwt-expired",
    )
    WRONG_ROOM = CloseSpec(
        3003,
        "Token is for another room",
        Advice.STOP,
        "The token is good, but it names another room.",
    )
    NOT_ALLOWED = CloseSpec(
        3003, "Not allowed in this room", Advice.STOP, "A rule of the service keeps this user out."
    )
    REMOVED = CloseSpec(
        3003, "Removed from the room", Advice.STOP, "A trusted caller removed this user."
    )
    BINARY_FRAME = CloseSpec(
        1003, "Text frames only", Advice.STOP, "The client sent a binary frame."
    )
    INVALID_UTF8 = CloseSpec(
        1007, None, Advice.STOP, "The client sent a text frame that is not UTF-8."
    )
    TOO_BIG = CloseSpec(
        1009, None, Advice.STOP, "The client sent a message over MAX_MESSAGE_BYTES."
    )
    TOO_MANY_MESSAGES = CloseSpec(
        1008,
        "Too many messages",
        Advice.RETURN_AFTER_DELAY,
        "The client sent faster than MESSAGES_PER_SECOND.",
        "rate-limited",
    )
    READS_TOO_SLOWLY = CloseSpec(
        1013,
        "Reading too slowly",
        Advice.RETURN_WITH_POSITION,
        "More than OUTBOX_BYTES waited for this client; what waited is dropped.",
    )
    ROOM_FULL = CloseSpec(
        1013, "Room is full", Advice.TRY_LATER, "The room has as many members as it takes."
    )
    TOO_MANY_CONNECTIONS = CloseSpec(
        1013,
        "Too many connections",
        Advice.TRY_LATER,
        "The client's address has CONNECTIONS_PER_ADDRESS connections already.",
    )
    ROOM_CLOSED = CloseSpec(
        4410, "Room closed", Advice.STOP, "The room was deleted while the client was in it."
    )
    INTERNAL_ERROR = CloseSpec(
        1011,
        "Internal error",
        Advice.RETURN_GROWING_DELAY,
        "The service failed; its log has the traceback.",
    )
    NO_PONG = CloseSpec(
        1011, None, Advice.RETURN_GROWING_DELAY, "The client answered no ping in time."
    )
    SERVICE_RESTART = CloseSpec(
        1012,
        "Service restart",
        Advice.RETURN_AFTER_DELAY,
        "This process is stopping.",
        "service-restart",
    )


class CloseConnection(Exception):  # noqa: N818 (it is raised to say so, and is no fault)
    """Raise it while a client is served, and its connection ends with this row."""

    def __init__(self, close: CloseRow) -> None:
        super().__init__(close.row.reason)
        self.close = close


_OWN_CODES = range(4_000, 5_000)
_LONGEST_REASON = 123


def check_rows(rows: type[CloseRow], reserved: Container[str | None]) -> None:
    """Make sure that a table of the owner's goes with the service's and its `reserved` types.

    Raises:
        TypeError: a row of it does not.
    """
    taken = {(close.row.code, close.row.reason) for close in Close}
    for name, close in rows.__members__.items():
        told, row = f"{rows.__name__}.{name}", close.row
        if not isinstance(row, CloseSpec):
            raise TypeError(f"{told}: write a `CloseSpec`")
        if row.code not in _OWN_CODES:
            raise TypeError(f"{told}: the code {row.code} is not one of 4000 to 4999")
        if not row.reason or len(row.reason.encode()) > _LONGEST_REASON:
            raise TypeError(f"{told}: the reason has to have 1 to {_LONGEST_REASON} bytes")
        if name in Close.__members__:
            raise TypeError(f"{told}: the service has a row of this name")
        if (row.code, row.reason) in taken:
            raise TypeError(f"{told}: another row has the same code and reason")
        if row.last_words in reserved:
            raise TypeError(f"{told}: the last words {row.last_words!r} are the service's own")
        taken.add((row.code, row.reason))
