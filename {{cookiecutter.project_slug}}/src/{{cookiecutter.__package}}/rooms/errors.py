"""What a caller can be told: in words, and by the HTTP status that goes with them."""

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


class RoomNotFoundError(RoomsError):
    """No room has this name."""

    status = HTTPStatus.NOT_FOUND

    def __init__(self, room: str) -> None:
        super().__init__(f"There is no room {room[:64]!r}.")


class NameTakenError(RoomsError):
    """A room has this name already."""

    status = HTTPStatus.CONFLICT

    def __init__(self, room: str) -> None:
        super().__init__(f"There is a room {room!r} already.")
