"""What happens in the rooms: the class that an owner's handlers derive of."""

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from types import NoneType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast, get_args, get_origin

from pydantic import JsonValue, TypeAdapter

from .client import Body, Client, JoinRequest, Publication, State
from .names import ROOM_RULE, is_room_name
from .protocol.closes import CloseRow, check_rows
from .protocol.own import FromClient, ToClient, check_kind, kind_of
from .protocol.reserved import RESERVED_TYPES

if TYPE_CHECKING:
    from .manager import ConnectionManager

HOOKS = (
    "authorize",
    "refreshed",
    "before_publish",
    "published",
    "connected",
    "disconnected",
    "opened",
    "emptied",
)
_FRAME = "_handles_frame"
# Between two looks at a room that has members, its log must not go.
_SHORTEST_KEEP = 60
_Function = TypeVar("_Function", bound=Callable[..., Awaitable[ToClient | None]])


def on(frame: type[FromClient]) -> Callable[[_Function], _Function]:
    """Have a method of a `RoomHandler` called for each frame of this class.

    Its arguments are the client and the frame. What it returns is the answer, to this client
    alone; `Refused` turns the frame down.

    Raises:
        TypeError: it is no class of frames of yours, or the method is no `async def`.
    """
    if not (inspect.isclass(frame) and issubclass(frame, FromClient)):
        name = getattr(frame, "__name__", repr(frame))
        more = "; for messages write `before_publish`" if name == "Message" else ""
        raise TypeError(f"@on takes a class that derives of `FromClient`, not {name}{more}")
    check_kind(frame)

    def mark(function: _Function) -> _Function:
        _check_async(function)
        setattr(function, _FRAME, frame)
        return function

    return mark


class RoomHandler(Generic[State, Body]):
    """Says what happens in the rooms. As it is, it lets everyone in and every message pass.

    `RoomHandler[State]` has clients with a `state`, which `authorize` returns;
    `RoomHandler[State, Body]` checks the bodies of messages by this type, a pydantic model for
    example. `rooms` names the rooms that it is for, `*` standing for one or more characters: such
    rooms need no making. They take `capacity` members, None for the service's default; `presence`
    is whether members are told who comes and goes; `keep` is how many seconds their logs outlive
    the last member and the last message. `closes` has rows of yours for the table of closes. The
    manager is at hand from `start` on.
    """

    rooms: ClassVar[str | tuple[str, ...]] = ()
    capacity: int | None = None
    presence: bool = True
    keep: float = 3600
    closes: ClassVar[type[CloseRow] | None] = None
    manager: "ConnectionManager"

    hooks: ClassVar[frozenset[str]] = frozenset()
    frames: ClassVar[Mapping[type[FromClient], str]] = {}
    bodies: ClassVar[TypeAdapter[Any] | None] = None
    patterns: ClassVar[tuple[re.Pattern[str], ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        """Check what a class declares, and note which hooks it has."""
        super().__init_subclass__(**options)
        cls.hooks = frozenset(
            name for name in HOOKS if getattr(cls, name) is not getattr(RoomHandler, name)
        )
        for name in cls.hooks | {"start", "stop"}:
            _check_async(getattr(cls, name))
        _check_bases(cls)
        cls.patterns = _patterns_of(cls)
        state, body = _arguments(cls)
        if state not in {None, Any} and "authorize" not in cls.hooks:
            raise TypeError(f"{cls.__name__}: write `authorize`, which returns the clients' state")
        if body not in {None, Any, JsonValue}:
            cls.bodies = TypeAdapter(body)
        cls.frames = _frames_of(cls, state)
        if cls.closes is not None:
            check_rows(cls.closes, RESERVED_TYPES)

    async def start(self) -> None:
        """Prepare, before the first client comes."""

    async def stop(self) -> None:
        """Clean up, after the last client has gone."""

    async def authorize(self, request: JoinRequest) -> State:
        """Decide whether a client may come in, at each join and resume; return its state.

        Raises:
            CloseConnection: the client may not, and learns this row.
            Refused: the client may not, and learns NOT_ALLOWED.
        """
        return cast("State", None)

    async def refreshed(self, client: Client[State], request: JoinRequest) -> State:
        """Decide whether a client with a new token may stay; return its state from now on."""
        return await self.authorize(request)

    async def before_publish(
        self, message: Publication[Body], client: Client[State] | None
    ) -> Publication[Body]:
        """See each message before it is kept, whoever says it; return it, or with another body.

        `client` is None for a trusted caller. It is called once a try: a client may send a message
        again that was kept, with the same `id`.

        Raises:
            Refused: it is not said.
        """
        return message

    async def published(self, message: Publication[Body]) -> None:
        """Learn that a message is kept. It may be missed, if the process dies in between.

        If you publish here, return early for your own messages: after ten answers to itself in a
        row it is told no more.
        """

    async def connected(self, client: Client[State], *, first: bool) -> None:
        """Greet a client, after its welcome; `first` if it is its user's only connection."""

    async def disconnected(self, client: Client[State], *, last: bool) -> None:
        """Clean up after a client that was connected. It is not called if the process dies."""

    async def opened(self, room: str) -> None:
        """Learn that the first client of a room has come to this process."""

    async def emptied(self, room: str) -> None:
        """Learn that the last client of a room has left this process."""

    def spawn(self, work: Coroutine[Any, Any, None], room: str | None = None) -> asyncio.Task[None]:
        """Run something until the last client of a room has left this process.

        Without a room, or where nobody is there, it runs until its end or the stop.
        """
        return self.manager.spawn(work, room)

    @classmethod
    def takes(cls, room: str) -> bool:
        """Whether it is for this room."""
        return not cls.patterns or any(pattern.fullmatch(room) for pattern in cls.patterns)


def in_order(handlers: Sequence[RoomHandler[Any, Any]]) -> tuple[RoomHandler[Any, Any], ...]:
    """Put the one that is for all other rooms last; without one of yours, everybody may enter."""
    others = [one for one in handlers if not one.rooms]
    if len(others) > 1:
        names = ", ".join(type(one).__name__ for one in others)
        raise TypeError(f"{names}: only one handler may be without `rooms`")
    return (*(one for one in handlers if one.rooms), *(others or [RoomHandler()]))


def _check_async(function: Callable[..., object]) -> None:
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"{function.__qualname__}: write `async def`")


def _check_bases(cls: type[RoomHandler[Any, Any]]) -> None:
    """Make sure that no base's hook takes the place of another's."""
    for name in HOOKS:
        bases = [base for base in cls.__mro__[1:] if name in vars(base)]
        if name in vars(cls):
            continue
        if bases[0] is not RoomHandler:
            bases.remove(RoomHandler)
        if other := next((one for one in bases if not issubclass(bases[0], one)), None):
            raise TypeError(
                f"{cls.__name__}: {bases[0].__name__} and {other.__name__} both have `{name}`; "
                "write one that calls them"
            )


def _patterns_of(cls: type[RoomHandler[Any, Any]]) -> tuple[re.Pattern[str], ...]:
    """Compile the names of rooms that need no making, and check what a class says of them."""
    names = (cls.rooms,) if isinstance(cls.rooms, str) else cls.rooms
    for name in names:
        if not is_room_name(name.replace("*", "x")):
            raise TypeError(f"{cls.__name__}: no room fits {name!r}; a room name is {ROOM_RULE}")
    if names and "authorize" not in cls.hooks:
        raise TypeError(
            f"{cls.__name__}: write `authorize`, or anybody could make rooms by asking for them"
        )
    if cls.capacity is not None and cls.capacity < 1:
        raise TypeError(f"{cls.__name__}: capacity is 1 or more, or None")
    if cls.keep < _SHORTEST_KEEP:
        raise TypeError(f"{cls.__name__}: keep is {_SHORTEST_KEEP} seconds or more")
    return tuple(re.compile(".+".join(map(re.escape, name.split("*")))) for name in names)


def _arguments(cls: type[RoomHandler[Any, Any]]) -> tuple[Any, Any]:
    """Find the classes of state and bodies: None where there is none, `Any` where it is open."""
    for base in (one for parent in cls.__mro__ for one in vars(parent).get("__orig_bases__", ())):
        if get_origin(base) is RoomHandler:
            state, body = (*get_args(base), None)[:2]
            return _known(state), _known(body)
    return None, None


def _known(argument: object) -> object:
    if argument is NoneType:
        return None
    return Any if isinstance(argument, TypeVar) else argument


def _frames_of(cls: type[RoomHandler[Any, Any]], state: object) -> dict[type[FromClient], str]:
    found: dict[str, tuple[type[FromClient], str]] = {}
    for name, frame in _handling(cls):
        other = found.setdefault(kind_of(frame), (frame, name))
        if other != (frame, name):
            raise TypeError(
                f"{cls.__name__}: {other[1]} and {name} both take the type {kind_of(frame)!r}"
            )
        _check_client(getattr(cls, name), state)
    return dict(found.values())


def _handling(cls: type) -> Iterator[tuple[str, type[FromClient]]]:
    for name in dict.fromkeys(name for base in cls.__mro__ for name in vars(base)):
        if frame := getattr(getattr(cls, name, None), _FRAME, None):
            yield name, frame


def _check_client(function: Callable[..., object], state: object) -> None:
    """Compare the `Client[…]` that a method is annotated with, where it can be told."""
    for annotation in inspect.get_annotations(function).values():
        origin: object = get_origin(annotation)
        if origin is Client and state is not Any and _known(get_args(annotation)[0]) is not state:
            told = getattr(state, "__name__", state)
            raise TypeError(f"{function.__qualname__}: its client is a `Client[{told}]`")
