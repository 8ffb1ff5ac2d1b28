"""Errors that a caller can be told of, in words and by kind."""

from enum import Enum, auto


class Kind(Enum):
    """The kinds of errors, which an adapter maps to statuses of its protocol."""

    INVALID = auto()
    UNAUTHORIZED = auto()
    FORBIDDEN = auto()
    NOT_FOUND = auto()
    CONFLICT = auto()
    TOO_LARGE = auto()
    TOO_MANY = auto()
    UNAVAILABLE = auto()


class RoomsError(Exception):
    """A call that cannot be carried out; `str(error)` is for the caller.

    `retry_after` is in seconds; None where trying again is of no use.
    """

    kind: Kind
    retry_after: float | None = None


class UnauthorizedError(RoomsError):
    """The API key is missing or wrong."""

    kind = Kind.UNAUTHORIZED

    def __init__(self) -> None:
        super().__init__("This call takes the API key, as `Authorization: Bearer <API_KEY>`.")


class WrongPasswordError(RoomsError):
    """The room has a password, and this is not it."""

    kind = Kind.FORBIDDEN

    def __init__(self, room: str) -> None:
        super().__init__(f"The password of the room {room!r} is missing or wrong.")


class TooManyGuessesError(RoomsError):
    """This address has tried too many passwords of this room; `seconds` until it may go on."""

    kind = Kind.TOO_MANY

    def __init__(self, seconds: float) -> None:
        super().__init__("Too many passwords were tried; try again later.")
        self.retry_after = seconds


class ReaderTokenError(RoomsError):
    """Only a trusted caller gets a token that is for reading only."""

    kind = Kind.INVALID

    def __init__(self) -> None:
        super().__init__("publish: only a caller with the API key may set it to false")


class Refused(RoomsError):  # noqa: N818 (it is raised to say so, and is no fault)
    """Raise it in a handler to turn down what a client or a caller wants.

    `detail` is for people. `reason` is a word for machines, such as `not-owner`.
    """

    kind = Kind.FORBIDDEN

    def __init__(self, detail: str, reason: str | None = None) -> None:
        super().__init__(detail)
        self.reason = reason


class InvalidBodyError(RoomsError):
    """The body of a message is not of the type that the handler's messages have."""

    kind = Kind.INVALID


class RoomNotFoundError(RoomsError):
    """No room has this name."""

    kind = Kind.NOT_FOUND

    def __init__(self, room: str) -> None:
        super().__init__(f"There is no room {room[:64]!r}.")


class MessageTooLargeError(RoomsError):
    """The message has more bytes than may be said."""

    kind = Kind.TOO_LARGE

    def __init__(self, size: int, largest: int) -> None:
        super().__init__(f"The message has {size} bytes; it may have {largest}.")


class UnavailableError(RoomsError):
    """What the rooms are kept in, or a rule needs, can't be reached now; say what in `detail`."""

    kind = Kind.UNAVAILABLE
    retry_after = 5.0

    def __init__(self, detail: str = "The rooms cannot be reached now; try again later.") -> None:
        super().__init__(detail)


class NoRoomsError(RoomsError):
    """This process serves no rooms, and has no Redis by which it reaches those of others."""

    kind = Kind.UNAVAILABLE

    def __init__(self) -> None:
        super().__init__("This process serves no rooms now; to reach others', set REDIS_URL.")


class LogLostError(UnavailableError):
    """A room's log has not got what it had."""


class NameTakenError(RoomsError):
    """A room has this name already."""

    kind = Kind.CONFLICT

    def __init__(self, room: str) -> None:
        super().__init__(f"There is a room {room!r} already.")


class NeedsNoMakingError(RoomsError):
    """A room's name fits a pattern of a handler's."""

    kind = Kind.CONFLICT

    def __init__(self, room: str) -> None:
        super().__init__(f"The room {room!r} needs no making: its name fits a pattern.")
