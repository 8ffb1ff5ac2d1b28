"""What rooms and users may be called."""

import re
import secrets
from typing import Annotated

from pydantic import AfterValidator, Field

_ROOM = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
ROOM_RULE = "1 to 64 of a-z 0-9 _ -, starting with a letter or digit"
USER_RULE = "1 to 64 printable characters, but not . or .."
_USER_MAX = 64
# A URL that ends in one is made shorter by who calls it: it would name the room.
_NO_USERS = {".", ".."}
# Who speaks when a trusted caller does not say.
SERVICE_USER = "service"


def is_room_name(name: str) -> bool:
    """Whether a room may have this name."""
    return _ROOM.fullmatch(name) is not None


def is_user_name(name: str) -> bool:
    """Whether a user may have this name."""
    return 0 < len(name) <= _USER_MAX and name.isprintable() and name not in _NO_USERS


def guest_name() -> str:
    """Make a name for somebody who came without one."""
    return f"guest-{secrets.token_hex(8)}"


def _room_name(name: str) -> str:
    if not is_room_name(name):
        raise ValueError(f"a room name is {ROOM_RULE}")
    return name


def _user_name(name: str) -> str:
    if not is_user_name(name):
        raise ValueError(f"a user name is {USER_RULE}")
    return name


RoomName = Annotated[str, AfterValidator(_room_name), Field(description=ROOM_RULE)]
UserName = Annotated[str, AfterValidator(_user_name), Field(description=USER_RULE)]
