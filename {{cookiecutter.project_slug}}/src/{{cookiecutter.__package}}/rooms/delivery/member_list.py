"""The presence side of a room's stream: who is in the room."""

from collections.abc import Callable

from ..backends.interfaces import PresenceSnapshot
from ..protocol.events import MemberJoined, MemberLeft
from ..protocol.frames import Encoded, Joined, Left, encode


class MemberList:
    """Who is in a room, as its members were told; `tell` is called for each change."""

    def __init__(self, tell: Callable[[Encoded], None]) -> None:
        self.names: set[str] = set()
        self.version = 0
        self._tell = tell

    def apply(self, event: MemberJoined | MemberLeft) -> bool:
        """Tell the members of a change once; return False if an earlier change is missing."""
        if event.version <= self.version:
            return True
        if event.version != self.version + 1:
            return False
        self.version = event.version
        if isinstance(event, MemberJoined):
            self._change({event.user} - self.names, set())
        else:
            self._change(set(), {event.user} & self.names)
        return True

    def apply_snapshot(self, snapshot: PresenceSnapshot) -> None:
        """Tell the members what is new in a snapshot, unless it is older than what they know."""
        if snapshot.version > self.version:
            self.version = snapshot.version
            now = set(snapshot.members)
            self._change(now - self.names, self.names - now)

    def forget_version(self) -> None:
        """Accept any snapshot next: the versions began anew."""
        self.version = 0

    def _change(self, came: set[str], went: set[str]) -> None:
        self.names -= went
        self.names |= came
        for user in sorted(went):
            self._tell(encode(Left(user=user)))
        for user in sorted(came):
            self._tell(encode(Joined(user=user)))
