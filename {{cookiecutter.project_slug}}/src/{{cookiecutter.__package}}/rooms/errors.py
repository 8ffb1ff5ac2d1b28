"""What a caller can be told: in words, and by the HTTP status that goes with them."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType


class RoomsError(Exception):
    """A call that cannot be carried out; `str(error)` is for the caller."""

    status = HTTPStatus.BAD_REQUEST
    headers: Mapping[str, str] = MappingProxyType({})


class UnauthorizedError(RoomsError):
    """The API key is missing or wrong."""

    status = HTTPStatus.UNAUTHORIZED
    headers = MappingProxyType({"WWW-Authenticate": "Bearer"})

    def __init__(self) -> None:
        super().__init__("This call takes the API key, as `Authorization: Bearer <API_KEY>`.")


class WrongPasswordError(RoomsError):
    """The room has a password, and this is not it."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self, room: str) -> None:
        super().__init__(f"The password of the room {room!r} is missing or wrong.")


class TooManyGuessesError(RoomsError):
    """This address has tried too many passwords of this room; `seconds` until it may go on."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, seconds: float) -> None:
        super().__init__("Too many passwords were tried; try again later.")
        self.headers = {"Retry-After": str(math.ceil(seconds))}


class RoomNotFoundError(RoomsError):
    """No room has this name."""

    status = HTTPStatus.NOT_FOUND

    def __init__(self, room: str) -> None:
        super().__init__(f"There is no room {room[:64]!r}.")


class MemberNotFoundError(RoomsError):
    """Nobody of this name is in the room."""

    status = HTTPStatus.NOT_FOUND

    def __init__(self, room: str, user: str) -> None:
        super().__init__(f"{user[:64]!r} is not in the room {room!r}.")


class MessageTooLargeError(RoomsError):
    """The message has more bytes than may be said."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    def __init__(self, size: int, largest: int) -> None:
        super().__init__(f"The message has {size} bytes; it may have {largest}.")


class UnavailableError(RoomsError):
    """What the rooms are kept in can't be reached now."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers = MappingProxyType({"Retry-After": "5"})

    def __init__(self) -> None:
        super().__init__("The rooms cannot be reached now; try again later.")


class LogLostError(UnavailableError):
    """A room's log has not got what it had."""


class NameTakenError(RoomsError):
    """A room has this name already."""

    status = HTTPStatus.CONFLICT

    def __init__(self, room: str) -> None:
        super().__init__(f"There is a room {room!r} already.")
