"""The frames that travel: one JSON object each, with a `type`."""

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
)
from pydantic_core import from_json, to_json

from .closes import Close
from .events import Entry

# The subprotocol that clients offer, and the server selects.
PROTOCOL = "rooms.v1"


_STRICT: Any = {"allow_nan": False, "ensure_ascii": False}
# What pydantic reads of a message, from a client or from the log.
_DEEPEST = 199


def _encodable(body: JsonValue) -> JsonValue:
    try:
        text = body if isinstance(body, str) else json.dumps(body, **_STRICT)
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("text must not have half of a surrogate pair") from None
    except ValueError:
        raise ValueError("numbers must be finite and no larger than 1.8e308") from None
    if not isinstance(body, str) and _is_too_deep(text):
        raise ValueError(f"lists and objects must be nested no deeper than {_DEEPEST}")
    return body


def _is_too_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= _DEEPEST:
        return False
    try:
        # As in a message.
        from_json(f"[{text}]")
    except ValueError:
        return True
    return False


Body = Annotated[JsonValue, AfterValidator(_encodable)]
ErrorCode = Literal["invalid-message", "invalid-token", "refused", "unavailable"]
MessageId = Annotated[str, Field(max_length=64)]


class Frame(BaseModel):
    """What every frame has in common."""

    model_config = ConfigDict(frozen=True, validate_by_name=True, validate_by_alias=True)


class Message(Frame):
    """Say `body` to the room. The same `id` from the same user is not said twice."""

    type: Literal["message"] = "message"
    body: Body
    id: MessageId | None = None


class Refresh(Frame):
    """Replace the token before it expires; the new one is for the same user and room."""

    type: Literal["refresh"] = "refresh"
    token: str
    ref: MessageId | None = None


class Ping(Frame):
    """Ask for a `pong`; one with a `ref` is answered behind all that came before it."""

    type: Literal["ping"] = "ping"
    ref: MessageId | None = None


def _close(name: object) -> Close:
    if isinstance(name, str) and name in Close.__members__:
        return Close[name]
    raise ValueError(f"must be one of {', '.join(Close.__members__)}")


class ShowClose(Frame):
    """Where DEBUG is on, end this connection with a row of the close table, to see what it does."""

    type: Literal["debug-close"] = "debug-close"
    close: Annotated[Close, BeforeValidator(_close)]


ClientFrame = Message | Refresh | Ping
_message_ids: TypeAdapter[str] = TypeAdapter(MessageId)


def _absent(value: object) -> bool:
    return value is None


class Welcome(Frame):
    """The first frame: the client is in the room.

    `position` is that of the newest message. `recovered` is null for a client that did not
    ask to resume. `members` is left out in a room without presence.
    """

    type: Literal["welcome"] = "welcome"
    room: str
    user: str
    members: Annotated[list[str] | None, Field(exclude_if=_absent)] = None
    position: str
    recovered: bool | None


class MessageEvent(Frame):
    """What a member said; `at` is RFC 3339 in UTC. The sender gets it as receipt."""

    type: Literal["message"] = "message"
    position: str
    sender: Annotated[str, Field(alias="from")]
    body: JsonValue
    at: str
    id: Annotated[MessageId | None, Field(exclude_if=_absent)] = None


class Joined(Frame):
    """The first connection of `user` came in."""

    type: Literal["joined"] = "joined"
    user: str


class Left(Frame):
    """The last connection of `user` went out."""

    type: Literal["left"] = "left"
    user: str


class Pong(Frame):
    """The answer to `ping`, with its `ref`."""

    type: Literal["pong"] = "pong"
    ref: Annotated[MessageId | None, Field(exclude_if=_absent)] = None


class Error(Frame):
    """Nothing was done, and the connection stays.

    `id` is that of the refused message, `ref` that of another refused frame.

    `refused` is said by a rule of the service, with a `reason` for machines, or to a client that
    may only read. After `unavailable` the same message may be sent
    again; with an `id`, it is said once even if it was said already.
    """

    type: Literal["error"] = "error"
    code: ErrorCode
    detail: str
    id: Annotated[str | None, Field(exclude_if=_absent)] = None
    ref: Annotated[str | None, Field(exclude_if=_absent)] = None
    reason: Annotated[str | None, Field(exclude_if=_absent)] = None


class Done(Frame):
    """The answer to a frame of the service's owner that has a `ref`, where nothing is to tell."""

    type: Literal["done"] = "done"
    ref: str


ServerFrame = Welcome | MessageEvent | Joined | Left | Pong | Error | Done


class LastWords(Frame):
    """What a client is told before some closes; `type` stands in the close table.

    `retry_after` is in seconds.
    """

    type: str
    retry_after: Annotated[float | None, Field(exclude_if=_absent)] = None


class _Sent:
    """Something that many clients get, with the bytes on the wire that they share."""

    wire: bytes | None = None

    def keep_wire(self, wire: bytes) -> bytes:
        """Keep the bytes that a server made, for the other clients."""
        self.wire = wire
        return wire


class Encoded(_Sent):
    """A frame as text that is JSON, once for all who get it, and its size in bytes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.size = len(text) if text.isascii() else len(text.encode())


def encode(frame: Frame) -> Encoded:
    """Write a frame as JSON."""
    return Encoded(frame.model_dump_json(by_alias=True))


class Batch(_Sent):
    """Frames that are written together."""

    def __init__(self, frames: list[Encoded]) -> None:
        self.frames = frames


def batches(frames: list[Encoded], most_bytes: int) -> Iterator[Batch]:
    """Divide frames into batches of so many bytes; a larger frame is a batch of its own."""
    start, size = 0, 0
    for index, frame in enumerate(frames):
        if size and size + frame.size > most_bytes:
            yield Batch(frames[start:index])
            start, size = index, 0
        size += frame.size
    if frames:
        yield Batch(frames[start:])


def as_json(body: JsonValue | BaseModel) -> JsonValue:
    """Turn a model into JSON; what is JSON stays as it is."""
    # By alias, as it is read.
    return body.model_dump(mode="json", by_alias=True) if isinstance(body, BaseModel) else body


def encode_payload(sender: str, body: JsonValue, at: str, message_id: str | None) -> str:
    """Write what of a message does not hang on its position, as the log keeps it."""
    # As a `MessageEvent` would be written, in half the time.
    frame = {"from": sender, "body": body, "at": at}
    return to_json(frame if message_id is None else {**frame, "id": message_id}).decode()


_SAID = '{"type":"message","position":"'


def encode_entry(entry: Entry) -> Encoded:
    """Write the frame of a message that the log has."""
    return Encoded(f'{_SAID}{entry.position}",{entry.text[1:]}')


def sent_names(text: str) -> dict[str, str]:
    """Find the `id` of a message, or the `ref` of another frame, for an error."""
    try:
        # It reads some that pydantic does not, such as half of a surrogate pair. As a float a
        # number may have any length.
        sent = json.loads(text, parse_int=float)
        kind = sent.get("type", None if "ref" in sent else "message")
        name = "id" if kind == "message" else "ref"
        return {name: _message_ids.validate_python(sent[name])}
    except (AttributeError, KeyError, RecursionError, ValueError):
        return {}


def problems(errors: Sequence[Any], skip: int) -> str:
    """Word pydantic's errors in one line, without the first `skip` parts of each location."""
    return "; ".join(_problem(error, skip) for error in errors)


def _problem(error: dict[str, Any], skip: int) -> str:
    where = ".".join(str(part) for part in error["loc"][skip:])
    text = error["msg"].removeprefix("Value error, ")
    return shorten(f"{where}: {text}" if where else text)


def shorten(text: str, limit: int = 200) -> str:
    """Cut a text that repeats input of any length."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
