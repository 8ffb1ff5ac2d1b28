"""The bodies of the HTTP calls."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ..rooms.names import RoomName, UserName
from ..rooms.protocol.frames import Body

DEFAULT_TTL = 3600
MAX_TTL = 86_400

MAX_PASSWORD = 1024
# What a database takes for a whole number.
MAX_CAPACITY = 2_147_483_647
# Who speaks when a trusted caller does not say.
SERVICE_USER = "service"


class NewRoom(BaseModel):
    """A room to create; without `password` it is open, without `capacity` it takes the default."""

    name: RoomName
    password: Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD)] | None = None
    capacity: Annotated[int, Field(ge=1, le=MAX_CAPACITY)] | None = None
    presence: bool = True


class CreatedRoom(BaseModel):
    """The room as it was created."""

    name: str


class TokenRequest(BaseModel):
    """Who wants a token, for how many seconds, and whether to `publish` or only to read.

    Only a trusted caller may set `publish` to false.
    """

    user: UserName
    password: Annotated[str, Field(max_length=MAX_PASSWORD)] | None = None
    ttl: Annotated[int, Field(ge=1, le=MAX_TTL)] = DEFAULT_TTL
    publish: bool = True


class IssuedToken(BaseModel):
    """A token, and the seconds for which it is good."""

    token: str
    expires_in: int


class NewMessage(BaseModel):
    """A message that a trusted caller says to a room, in the name of `from`."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    body: Body
    sender: Annotated[UserName, Field(alias="from")] = SERVICE_USER


class SaidMessage(BaseModel):
    """Where the message stands in the room's log."""

    position: str


class Health(BaseModel):
    """How the process is."""

    status: str


class Problem(BaseModel):
    """What was wrong with a call, and what is allowed."""

    detail: str
