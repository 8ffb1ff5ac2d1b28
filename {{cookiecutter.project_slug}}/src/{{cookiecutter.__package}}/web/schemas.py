"""The bodies of the HTTP calls."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, ValidationError

from ..rooms.history import History
from ..rooms.names import SERVICE_USER, RoomName, UserName
from ..rooms.protocol.frames import Body, MessageEvent, MessageId, encode_entry, problems
from ..rooms.protocol.own import kind_of, sent_frames
from ..rooms.protocol.reserved import OwnFrame
from ..rooms.registry import DEFAULT_TTL
from . import about

MAX_TTL = 86_400
DEFAULT_MESSAGES = 50
MAX_MESSAGES = 1_000

MAX_PASSWORD = 1024
# What a database takes for a whole number.
MAX_CAPACITY = 2_147_483_647


class _Request(BaseModel):
    """A body whose fields are all known: a name that is mistyped is told."""

    model_config = ConfigDict(extra="forbid")


class NewRoom(_Request):
    """A room to create; without `password` it is open, without `capacity` it takes the default."""

    name: RoomName
    password: Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD)] | None = None
    capacity: Annotated[int, Field(strict=True, ge=1, le=MAX_CAPACITY)] | None = None
    presence: StrictBool = True


class CreatedRoom(BaseModel):
    """The room as it was created."""

    name: str


class TokenRequest(_Request):
    """Who wants a token, for how many seconds, and whether to `publish` or only to read.

    Only a trusted caller may set `publish` to false.
    """

    user: UserName
    password: Annotated[str, Field(max_length=MAX_PASSWORD)] | None = None
    ttl: Annotated[int, Field(strict=True, ge=1, le=MAX_TTL)] = DEFAULT_TTL
    publish: StrictBool = True


class IssuedToken(BaseModel):
    """A token, and the seconds for which it is good."""

    token: str
    expires_in: int


class NewMessage(_Request):
    """A message that a trusted caller says to a room, in the name of `from`."""

    body: Body
    sender: Annotated[UserName, Field(alias="from")] = SERVICE_USER
    id: MessageId | None = None


class SaidMessage(BaseModel):
    """Where the message stands in the room's log."""

    position: str


def _as_declared(frame: OwnFrame) -> OwnFrame:
    """Check a frame whose `type` is declared by the class that declares it."""
    for model in sent_frames(about.PACKAGE):
        if kind_of(model) == frame.type:
            try:
                model.model_validate(frame.model_dump())
            except ValidationError as error:
                raise ValueError(problems(error.errors(), skip=0)) from None
    return frame


class NewFrame(_Request):
    """A frame that is not kept, for everyone in a room now or for one user.

    Its `type` is none of the service's own. One of yours is checked by its class.
    """

    frame: Annotated[OwnFrame, AfterValidator(_as_declared)]
    user: UserName | None = None


class RoomMembers(BaseModel):
    """Who is in a room."""

    members: list[str]


class RoomMessages(BaseModel):
    """Messages of a room, oldest first, and the position to go on from.

    `recovered` is null for a caller that named no position; false if what follows it can't be
    told, so that these are the last ones.
    """

    messages: list[MessageEvent]
    position: str
    recovered: bool | None

    @classmethod
    def of(cls, history: History) -> Self:
        """Build the answer from what was read."""
        texts = (encode_entry(entry).text for entry in history.entries)
        messages = [MessageEvent.model_validate_json(text) for text in texts]
        return cls(messages=messages, position=str(history.position), recovered=history.recovered)


class Health(BaseModel):
    """How the process is."""

    status: str


class Problem(BaseModel):
    """What was wrong with a call, and what is allowed."""

    detail: str
