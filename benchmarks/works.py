"""The work that every server gets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

BUSY = "room-0"


@dataclass(frozen=True)
class Work:
    """Rooms and their sizes; who talks in them, and how much at once.

    Where `holds`, nobody talks: it measures what idle connections cost. `only` is a part of the
    names of those that do it, if not all do. `others` are idle rooms, of two. Where `handles`, the
    service has a rule and a hook of its owner's.
    """

    name: str
    rooms: int = 1
    members: int = 300
    inflight: int = 16
    bytes: int = 100
    stalled: int = 0
    others: int = 0
    holds: bool = False
    processes: int = 1
    redis: bool = False
    handles: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()

    @property
    def busy(self) -> dict[str, int]:
        """The rooms in which people talk, and their sizes."""
        return {f"room-{number}": self.members for number in range(self.rooms)}

    @property
    def all_rooms(self) -> dict[str, int]:
        """Those, and the idle ones."""
        return self.busy | {f"idle-{number}": 2 for number in range(self.others)}


_INFLIGHT = (1, 4, 16, 64)
_OURS = ("fastapi", "channels")


def comparison() -> Iterator[Work]:
    """What all are compared by."""
    for members in (300, 1_000):
        for inflight in _INFLIGHT:
            name = f"a room of {members}, {inflight} in flight"
            yield Work(name, members=members, inflight=inflight)
    yield Work("a room of 300, 16 in flight, own handlers", handles=True)
    yield Work("1,000 rooms of 2", rooms=1_000, members=2, inflight=64)
    name = "1,000 rooms of 2, own handlers"
    yield Work(name, rooms=1_000, members=2, inflight=64, handles=True)
    yield Work("messages of 4 KiB", bytes=4_096)
    stalls = (*_OURS, "docs' manager", "ws on Node.js", "python-socketio")
    yield Work("16 KiB, nobody stalled", inflight=4, bytes=16_384, only=stalls)
    yield Work("16 KiB, one member stalled", inflight=4, bytes=16_384, stalled=1, only=stalls)
    yield Work("idle connections", rooms=1_000, members=2, holds=True)
    crowds = (*_OURS, "docs' manager", "ws on Node.js")
    yield Work("10,000 idle beside a room of 300", others=5_000, only=crowds)
    two = (*_OURS, "Redis")
    yield Work("two processes over Redis", processes=2, redis=True, only=two)


def growth() -> Iterator[Work]:
    """How the cost of a message grows; with a generated service alone."""
    for members in (10, 30, 100, 300, 1_000, 3_000):
        yield Work(f"members: {members}", members=members, only=_OURS)
    for rooms in (1, 10, 100, 1_000):
        yield Work(f"rooms: {rooms}", rooms=rooms, members=3, only=_OURS)
    for history in (0, 100, 1_000, 10_000):
        settings = {"HISTORY": str(history)}
        yield Work(f"history: {history}", members=30, settings=settings, only=_OURS)
    for processes in (1, 2):
        yield Work(f"processes: {processes}", processes=processes, redis=True, only=_OURS)
