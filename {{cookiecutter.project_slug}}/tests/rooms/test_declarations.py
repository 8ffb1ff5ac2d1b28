"""What is wrong in a declaration is told at import, by name, with what to write."""

import types
from typing import Any, ClassVar, Generic, Literal, TypeVar

import pytest

from {{cookiecutter.__package}}.rooms import (
    Advice,
    Client,
    Close,
    CloseRow,
    CloseSpec,
    FromClient,
    JoinRequest,
    Publication,
    RoomHandler,
    ToClient,
    on,
)
from {{cookiecutter.__package}}.rooms.protocol import frames
from {{cookiecutter.__package}}.rooms.protocol.own import kind_of, sent_frames
from {{cookiecutter.__package}}.rooms.protocol.reserved import RESERVED_TYPES


class Wave(FromClient):
    type: Literal["wave"] = "wave"


class WaveAgain(FromClient):
    type: Literal["wave"] = "wave"


# Frames.


@pytest.mark.parametrize("base", [FromClient, ToClient])
@pytest.mark.parametrize("kind", sorted(RESERVED_TYPES))
def test_a_type_of_the_service_is_refused(base: type, kind: str) -> None:
    with pytest.raises(TypeError, match=f"Taken: the type '{kind}' is the service's own; choose"):
        type("Taken", (base,), {"__annotations__": {"type": Literal[kind]}, "type": kind})


@pytest.mark.parametrize("kind", ["welcome", "message", "refresh", "jwt-expired", "state", "frame"])
def test_types_of_the_service_are_reserved(kind: str) -> None:
    assert kind in RESERVED_TYPES


def test_ref_is_not_declared() -> None:
    with pytest.raises(TypeError, match="Wrong: `ref` is there already; remove it"):

        class Wrong(FromClient):
            type: Literal["wrong"] = "wrong"
            ref: str


def test_a_base_of_frames_does_not_declare_ref() -> None:
    with pytest.raises(TypeError, match="Base: `ref` is there already; remove it"):

        class Base(ToClient):
            ref: str


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        (str, {"type": "wrong"}),
        (Literal["wrong"], {}),
        (Literal["wrong", "other"], {"type": "wrong"}),
        (Literal[1], {"type": 1}),
        (Literal[""], {"type": ""}),
    ],
)
def test_a_type_that_is_no_literal_is_refused(annotation: object, default: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r'Wrong: write its `type` as `type: Literal\["…"\] = "…"`'):
        type("Wrong", (FromClient,), {"__annotations__": {"type": annotation}, **default})


def test_a_base_of_frames_needs_no_type(monkeypatch: pytest.MonkeyPatch) -> None:
    class Base(ToClient):
        where: str

    class Other(ToClient):
        when: str

    class Moved(Base):
        type: Literal["moved"] = "moved"

    assert kind_of(Base) == ""
    assert Moved(where="there").type == "moved"
    for model in (Base, Other, Moved):
        monkeypatch.setattr(model, "__module__", "moving.handlers")
    assert sent_frames("moving") == [Moved]


def test_two_frames_to_clients_have_two_types(monkeypatch: pytest.MonkeyPatch) -> None:
    class First(ToClient):
        type: Literal["twice"] = "twice"

    class Second(ToClient):
        type: Literal["twice"] = "twice"

    for model in (First, Second):
        monkeypatch.setattr(model, "__module__", "twice.handlers")
    # Another package's frames are not looked at.
    assert sent_frames("once") == []
    with pytest.raises(TypeError, match="Second: the type 'twice' is taken; choose another"):
        sent_frames("twice")


# Handlers.


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        (frames.Message, "not Message; for messages write `before_publish`"),
        (frames.Ping, "not Ping$"),
        (ToClient, "not ToClient$"),
        ("wave", "not 'wave'$"),
    ],
)
def test_on_takes_own_frames_only(frame: type[FromClient], named: str) -> None:
    with pytest.raises(TypeError, match=f"@on takes a class that derives of `FromClient`, {named}"):
        on(frame)


def test_on_takes_no_base_of_frames() -> None:
    class Base(FromClient):
        where: str

    with pytest.raises(TypeError, match="Base: write its `type`"):
        on(Base)


def test_a_synchronous_handler_is_refused() -> None:
    def wave(self: object, client: Client, frame: Wave) -> None: ...

    with pytest.raises(TypeError, match="wave: write `async def`"):
        on(Wave)(wave)  # type: ignore[type-var]


@pytest.mark.parametrize("hook", ["authorize", "before_publish", "emptied", "start", "stop"])
def test_a_synchronous_hook_is_refused(hook: str) -> None:
    def synchronous(*_: object) -> None: ...

    synchronous.__qualname__ = f"Wrong.{hook}"
    with pytest.raises(TypeError, match=rf"Wrong\.{hook}: write `async def`"):
        type("Wrong", (RoomHandler,), {hook: synchronous})


def test_one_type_has_one_method() -> None:
    with pytest.raises(TypeError, match="Wrong: wave and again both take the type 'wave'"):

        class Wrong(RoomHandler):
            @on(Wave)
            async def wave(self, client: Client, frame: Wave) -> None: ...

            @on(WaveAgain)
            async def again(self, client: Client, frame: WaveAgain) -> None: ...


def test_methods_of_all_bases_are_found_and_the_newest_counts() -> None:
    class Mixin:
        @on(Wave)
        async def wave(self, client: Client, frame: Wave) -> None: ...

    class Chat(Mixin, RoomHandler):
        @on(Wave)
        async def wave(self, client: Client, frame: Wave) -> None: ...

    assert Chat.frames == {Wave: "wave"}
    assert Chat.hooks == set()


async def authorize(self: object, request: JoinRequest) -> int:
    return 1


def test_clients_of_a_handler_have_its_state() -> None:
    async def wave(self: object, client: Client[str], frame: Wave) -> None: ...

    wave.__qualname__ = "Wrong.wave"
    methods = {"authorize": authorize, "wave": on(Wave)(wave)}
    with pytest.raises(TypeError, match=r"Wrong\.wave: its client is a `Client\[int\]`"):
        declare("Wrong", RoomHandler[int], methods)
    declare("Right", RoomHandler[str], methods)


def declare(name: str, base: type, methods: dict[str, Any]) -> None:
    """Declare a class as a `class` statement does."""
    types.new_class(name, (base,), exec_body=lambda namespace: namespace.update(methods))


def test_a_state_needs_authorize() -> None:
    with pytest.raises(TypeError, match="Wrong: write `authorize`, which returns the clients'"):

        class Wrong(RoomHandler[int]): ...


def test_bodies_may_be_typed_where_there_is_no_state() -> None:
    class Plain(RoomHandler[None, int]):
        @on(Wave)
        async def wave(self, client: Client[None], frame: Wave) -> None: ...

    assert Plain.bodies is not None


def test_bodies_are_not_looked_at_where_they_have_no_type() -> None:
    class Stateful(RoomHandler[int]):
        authorize = authorize

    assert Stateful.bodies is None


_S = TypeVar("_S")


def test_a_base_may_leave_the_state_open() -> None:
    class Base(RoomHandler[_S], Generic[_S]):
        @on(Wave)
        async def wave(self, client: Client[_S], frame: Wave) -> None: ...

    class Chat(Base[int]):
        authorize = authorize

        @on(Wave)
        async def wave(self, client: Client[int], frame: Wave) -> None: ...

    assert Chat.bodies is None
    assert Chat.frames == {Wave: "wave"}


class Polite:
    async def before_publish(self, message: Publication, client: Client | None) -> Publication:
        return message


class Brief:
    async def before_publish(self, message: Publication, client: Client | None) -> Publication:
        return message


class Briefest(Brief):
    async def before_publish(self, message: Publication, client: Client | None) -> Publication:
        return message


def test_no_rule_takes_the_place_of_another() -> None:
    with pytest.raises(
        TypeError, match="Wrong: Polite and Brief both have `before_publish`; write one that calls"
    ):

        class Wrong(Polite, Brief, RoomHandler): ...


def test_a_rule_behind_the_handler_would_not_be_asked() -> None:
    with pytest.raises(TypeError, match="Wrong: RoomHandler and Polite both have `before_publish`"):

        class Wrong(RoomHandler, Polite): ...


def test_a_rule_may_derive_of_another_or_call_both() -> None:
    class One(Briefest, Brief, RoomHandler): ...

    class Both(Polite, Brief, RoomHandler):
        async def before_publish(self, message: Publication, client: Client | None) -> Publication:
            message = await Polite.before_publish(self, message, client)
            return await Brief.before_publish(self, message, client)

    assert One.hooks == Both.hooks == {"before_publish"}


# Rows of the table of closes.


def spec(**changed: Any) -> CloseSpec:
    """Describe a row that is good but for the changes."""
    row = {"code": 4000, "reason": "Lost the game", "explanation": "It lost."}
    return CloseSpec(advice=Advice.STOP, **{**row, **changed})


def fill(body: dict[str, Any], rows: dict[str, Any]) -> None:
    """Put rows into an enum's body, which counts what is set one by one."""
    for name, row in rows.items():
        body[name] = row  # noqa: PERF403 (`update` would be past the enum)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ({"A": spec(code=1008)}, "A: the code 1008 is not one of 4000 to 4999"),
        ({"A": spec(code=5000)}, "A: the code 5000 is not one of 4000 to 4999"),
        ({"A": spec(reason="")}, "A: the reason has to have 1 to 123 bytes"),
        ({"A": spec(reason=None)}, "A: the reason has to have 1 to 123 bytes"),
        ({"A": spec(reason="ü" * 62)}, "A: the reason has to have 1 to 123 bytes"),
        ({"A": spec(), "B": spec()}, "B: another row has the same code and reason"),
        ({"A": spec(code=4410, reason="Room closed")}, "A: another row has the same code and"),
        ({"REMOVED": spec()}, "REMOVED: the service has a row of this name"),
        ({"A": spec(last_words="rate-limited")}, "A: the last words 'rate-limited' are the servi"),
        ({"A": spec(last_words="message")}, "A: the last words 'message' are the service's own"),
        ({"A": 4000}, "A: write a `CloseSpec`"),
    ],
)
def test_a_row_that_goes_not_with_the_table_is_refused(rows: dict[str, Any], told: str) -> None:
    table = types.new_class("Wrong", (CloseRow,), exec_body=lambda body: fill(body, rows))
    with pytest.raises(TypeError, match=rf"Wrong\.{told}"):

        class Chat(RoomHandler):
            closes: ClassVar[type[CloseRow]] = table


def test_rows_of_the_longest_reason_and_the_outermost_codes_are_good() -> None:
    class Mine(CloseRow):
        FIRST = spec(code=4000, reason="x" * 123, last_words="game-over")
        LAST = spec(code=4999, reason="Room closed")

    class Chat(RoomHandler):
        closes = Mine

    assert Chat.closes is Mine
    assert not {*Mine.__members__} & {*Close.__members__}


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"rooms": "team-*"}, "write `authorize`, or anybody could make rooms"),
        ({"rooms": "Team-*"}, "no room fits 'Team-\\*'"),
        ({"rooms": ("", "team-*")}, "no room fits ''"),
        ({"capacity": 0}, "capacity is 1 or more"),
        ({"keep": 59}, "keep is 60 seconds or more"),
    ],
)
def test_what_is_wrong_about_rooms_is_told_at_import(declared: dict[str, Any], told: str) -> None:
    with pytest.raises(TypeError, match=f"Teams: {told}"):
        type("Teams", (RoomHandler,), declared)
