"""Events that processes send each other about a room.

Another release may read them, or have sent them: unknown fields are ignored.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from .positions import Position


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Entry(_Event):
    """A message in the room's log: its position, and what of the frame does not hang on it."""

    kind: Literal["entry"] = "entry"
    epoch: int
    offset: int
    text: str

    @property
    def position(self) -> Position:
        """Where it stands."""
        return Position(self.epoch, self.offset)


class MemberJoined(_Event):
    """A member joined; `version` is that of the presence with it."""

    kind: Literal["member-joined"] = "member-joined"
    version: int
    user: str


class MemberLeft(_Event):
    """A member left; `version` is that of the presence without it."""

    kind: Literal["member-left"] = "member-left"
    version: int
    user: str


class Ephemeral(_Event):
    """A frame, as JSON, for the members who are here now; it is not kept.

    `but` is the `id` of a connection that doesn't get it.
    """

    kind: Literal["ephemeral"] = "ephemeral"
    text: str
    but: str = ""


class Direct(_Event):
    """A frame, as JSON, for one user's connections; it is not kept.

    It is no field of `Ephemeral`: a release that ignored that would send the frame to everyone.
    """

    kind: Literal["direct"] = "direct"
    text: str
    user: str


class Removed(_Event):
    """A user's connections are to be closed, with a row of the close table."""

    kind: Literal["removed"] = "removed"
    user: str
    close: str = "REMOVED"


class RoomDeleted(_Event):
    """The connections of all are to be closed."""

    kind: Literal["room-deleted"] = "room-deleted"


class SessionEnded(_Event):
    """The connections of a session are to be closed, in whatever room."""

    kind: Literal["session-ended"] = "session-ended"
    session: str


class AccountChanged(_Event):
    """The identities of an account may no longer hold, in whatever room."""

    kind: Literal["account-changed"] = "account-changed"
    account: str


Told = MemberJoined | MemberLeft | Ephemeral | Direct
Event = Entry | Told | Removed | RoomDeleted | SessionEnded | AccountChanged
events: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])

# What concerns every room goes by this name, which no room can have.
EVERYWHERE = ""
