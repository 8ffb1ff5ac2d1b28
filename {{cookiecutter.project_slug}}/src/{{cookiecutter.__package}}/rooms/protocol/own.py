"""The frames of whoever owns the service, beside those of the protocol."""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args

from pydantic import Field, TypeAdapter

from . import frames
from .closes import CloseRow
from .frames import Frame, MessageId
from .reserved import RESERVED_TYPES, OwnFrame


class _Own(Frame):
    type: str
    ref: Annotated[MessageId | None, Field(exclude_if=lambda ref: ref is None)] = None

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        if "ref" in cls.__annotations__:
            raise TypeError(f"{cls.__name__}: `ref` is there already; remove it")
        # One without a type is a base of such classes.
        if "type" in cls.__annotations__:
            check_kind(cls)


class Declared(NamedTuple):
    """What an owner adds to the protocol."""

    received: Sequence[type["FromClient"]] = ()
    sent: Sequence[type["ToClient"]] = ()
    closes: Sequence[CloseRow] = ()
    # By the name of their handler, in the order in which these are tried; None is any JSON.
    bodies: Sequence[tuple[str, TypeAdapter[Any] | None]] = ()


class FromClient(_Own):
    """A frame of yours that clients send. One that bears a `ref` is always answered.

    A subclass has a `type`, written `type: Literal["…"] = "…"`, and fields as pydantic has them.
    """


class ToClient(_Own):
    """A frame of yours that clients get. `ref` is that of the frame that it answers.

    A subclass has a `type`, written `type: Literal["…"] = "…"`, and fields as pydantic has them.
    """


def check_to_client(frame: object) -> None:
    """Make sure that what is to be sent is a frame to clients.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(frame, ToClient | OwnFrame):
        raise TypeError(f"{type(frame).__name__} is no frame to clients: derive it of `ToClient`")


def check_kind(model: type[_Own]) -> None:
    """Make sure that a frame's class has a `type` of its own.

    Raises:
        TypeError: it has not.
    """
    name, kind = model.__name__, kind_of(model)
    annotation: object = model.model_fields["type"].annotation
    if not kind or annotation != Literal[kind]:
        raise TypeError(f'{name}: write its `type` as `type: Literal["…"] = "…"`')
    if kind in RESERVED_TYPES:
        raise TypeError(f"{name}: the type {kind!r} is the service's own; choose another")


def kind_of(model: type[_Own]) -> str:
    """Return the `type` of a frame's class; empty for a base that has none."""
    kind = model.model_fields["type"].default
    return kind if isinstance(kind, str) else ""


def sent_frames(package: str) -> list[type[ToClient]]:
    """Find the frames to clients that a package's own modules declare, by their `type`.

    Raises:
        TypeError: two have the same type.
    """
    found: dict[str, type[ToClient]] = {}
    for model in _subclasses(ToClient):
        kind = kind_of(model)
        if not kind or model.__module__.partition(".")[0] != package:
            continue
        if found.setdefault(kind, model) is not model:
            raise TypeError(f"{model.__name__}: the type {kind!r} is taken; choose another")
    return [model for _, model in sorted(found.items())]


def _subclasses(model: type[ToClient]) -> Iterable[type[ToClient]]:
    for one in model.__subclasses__():
        yield one
        yield from _subclasses(one)


def build_decoder(own: Iterable[type[FromClient]], *, debug: bool) -> Callable[[str], Frame]:
    """Build what reads a client's text as one of these frames or the protocol's.

    It raises pydantic's `ValidationError` for any other.
    """
    more = (frames.ShowClose,) if debug else ()
    models = (*get_args(frames.ClientFrame), *more, *own)
    union: Any = Annotated[Union[models], Field(discriminator="type")]  # noqa: UP007 (a tuple)
    adapter: TypeAdapter[Frame] = TypeAdapter(union)
    return adapter.validate_json
