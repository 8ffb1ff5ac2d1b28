"""uvicorn's WebSocket protocol, mended where a close was lost or one client held up the others."""

import asyncio
import codecs
import json
from collections.abc import Callable, Generator
from http import HTTPStatus
from typing import Any

from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeader, PayloadTooBig
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from ..rooms.connections.rate import RateLimit
from .handshake import WRITE_EXTENSION
from .lingering import Lingering, cancel
from .middleware import SAFE_HEADERS

# Between two slices of what one client sent, all others are served.
_SLICE_BYTES = 4_096
# A fragment of so many bytes costs no more than its part of the largest message.
_LARGE_FRAGMENT = 64
_MASK_BYTES = 4
_LENGTH_BYTES = {126: 2, 127: 8}
_LONGEST_HEAD = 14
# The bit of an opcode that makes a control frame, and how large one may be.
_CONTROL = 0x08
_LARGEST_CONTROL = 125
# A client that sends more frames behind a fault is not waited for.
_FRAMES_BEHIND_A_FAULT = 1_000


class Framing(ServerProtocol):
    """websockets' server side; it also counts frames and checks text as it arrives.

    websockets itself answers 1002 to a close in the middle of a fragmented message, counts control
    frames towards the message's size, reads the request a second time, and repeats what it can't
    read of it to the client, tokens included.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # What followed a faulty frame in the same read, or the head of one that is too big.
        self.behind_fault = b""
        self._counted = 0
        self._is_text = False
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    @property
    def max_message_size(self) -> int | None:
        """The limit for the message of the next frame; a control frame belongs to none."""
        limit = self._max_size
        if limit is not None and self.reader.buffer[0] & _CONTROL:
            limit = max(limit, _LARGEST_CONTROL) + (self.current_size or 0)
        return limit

    @max_message_size.setter
    def max_message_size(self, size: int | None) -> None:
        self._max_size = size

    def take_count(self) -> int:
        """Return how many frames came since the last call, without fragments of some size."""
        counted, self._counted = self._counted, 0
        return counted

    def recv_frame(self, frame: Frame) -> None:
        """Process a frame.

        Raises:
            UnicodeDecodeError: it makes a text that is not UTF-8.
        """
        is_fragment = frame.opcode is Opcode.CONT
        if not is_fragment or len(frame.data) < _LARGE_FRAGMENT:
            self._counted += 1
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        elif is_fragment or frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            if not is_fragment:
                self._is_text = frame.opcode is Opcode.TEXT
            # A fragment of no message, or a message between fragments, is another fault.
            if self._is_text and is_fragment is (self.current_size is not None):
                self._decoder.decode(frame.data, frame.fin)
        super().recv_frame(frame)

    def reject(self, status: HTTPStatus | int, text: str) -> Response:
        """Refuse a handshake in the form that all errors have, and name the version spoken here.

        The text repeats what the client sent, so it is left out.
        """
        detail = HTTPStatus(status).phrase
        if isinstance(self.handshake_exc, InvalidHeader):
            detail = f"Invalid {self.handshake_exc.name} header"
        response = super().reject(status, json.dumps({"detail": detail}))
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "application/json"
        response.headers["Sec-WebSocket-Version"] = "13"
        for name, value in SAFE_HEADERS:
            response.headers[name.decode()] = value.decode()
        return response

    def parse(self) -> Generator[None]:
        """Parse frames alone: the server has parsed the request."""
        return super(ServerProtocol, self).parse()

    def discard(self) -> Generator[None]:
        """Keep what is behind a fault, as the client's answer may be there."""
        self.behind_fault = bytes(self.reader.buffer)
        return super().discard()


class Answer:
    """Finds the client's close frame in what it goes on sending after a fault."""

    def __init__(self, ahead: int) -> None:
        self._ahead = ahead
        self._rest = b""
        self._left = _FRAMES_BEHIND_A_FAULT

    def is_in(self, data: bytes) -> bool:
        """Look at what came next, behind `ahead` bytes that belong to the faulty frame."""
        data, at = self._rest + data, self._ahead
        while self._left and at + 2 <= len(data):
            self._left -= 1
            if data[at] & 0x0F == Opcode.CLOSE:
                return True
            length = data[at + 1] & 0x7F
            head = 2 + _LENGTH_BYTES.get(length, 0)
            if at + head > len(data):
                break
            if head > 2:  # noqa: PLR2004 (no length of its own)
                length = int.from_bytes(data[at + 2 : at + head])
            at += head + _MASK_BYTES + length
        self._rest, self._ahead = data[at : at + _LONGEST_HEAD], max(0, at - len(data))
        return False


class SocketProtocol(Lingering, WebSocketsSansIOProtocol):
    """Lets every close arrive, and no client hold up the others.

    It parses in slices, answers every handshake but at a stop, pings only those that read, writes
    at once, and reads on after a close.
    """

    # A client that takes nothing for so long is cut off.
    stall_seconds = 60.0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn: Framing = Framing(
            extensions=self.conn.available_extensions,
            max_size=self.config.ws_max_size,
            logger=self.logger,
        )
        self._unparsed = bytearray()
        self._joined = bytearray()
        self._turn: asyncio.Handle | None = None
        self._rate: RateLimit | None = None
        self._flooded = self._discarding = False
        self._answer: Answer | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connect(self, target: str, headers: list[tuple[bytes, bytes]]) -> None:
        """Answer the request that offered this protocol.

        Args:
            target: The path and the query, as they were sent.
            headers: The names in lower case, and the values, as they were sent.
        """
        fields = [(name.decode("ascii"), value.decode("latin-1")) for name, value in headers]
        self.handle_connect(Request(target, Headers(fields)))

    async def run_asgi(self) -> None:
        """Run the application, which may write past `send`."""
        if not self.config.ws_per_message_deflate:
            extension: dict[object, object] = {
                "write": self.write,
                "limit_frames": self.limit_frames,
            }
            self.scope["extensions"][WRITE_EXTENSION] = extension
        await super().run_asgi()
        if self.close_timer:
            self.stop_keepalive()
            self.end_once_silent()
        self._go_on()

    def write(self, frame: bytes) -> bool:
        """Write a whole frame: many clients get the same, so that it need not be made for each.

        Returns:
            False if the client does not take more now, or is not open.
        """
        taken = self.writable.is_set() and not self.transport.is_closing()
        if not taken or self.conn.state is not State.OPEN:
            return False
        self.transport.write(frame)
        return True

    def limit_frames(self, rate: RateLimit, exceeded: Callable[[], None]) -> None:
        """Count all frames from now on; discard what comes after one too many, and say so once."""
        self._rate = rate
        self._exceeded = exceeded

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was not parsed, and cut off nobody."""
        cancel(self._turn, self._stalled)
        self._unparsed.clear()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Write nothing until the client has read; cut it off if it does not."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Write again."""
        super().resume_writing()
        cancel(self._stalled)

    def data_received(self, data: bytes) -> None:
        """Parse a slice now, and the rest in turns with what others sent."""
        self.note_data()
        if self._discarding:
            self._look_for_answer(data)
        elif self._unparsed or len(data) > _SLICE_BYTES:
            self._unparsed += data
            self.read_paused = True
            self.transport.pause_reading()
            self._go_on()
        else:
            self._take(data)

    async def receive(self) -> ASGIReceiveEvent:
        """Return the next event; parse or read on once there is no further."""
        if self._flooded and self.queue.empty():
            self._tell_of_flood()
        message = await self.queue.get()
        if self.queue.empty():
            self._go_on()
        return message

    def send_receive_event_to_app(self) -> None:
        """Hand a message on; stop to read once the application is behind, not after each."""
        if self.read_paused or not self.queue.empty():
            super().send_receive_event_to_app()
        else:
            # It does not pause what it takes for paused.
            self.read_paused = True
            super().send_receive_event_to_app()
            self.read_paused = False

    def shutdown(self) -> None:
        """Stop; leave a handshake without an answer, so that a proxy asks another process.

        uvicorn would answer 500, and end at once who was told to close.
        """
        if self.handshake_initiated and not self.handshake_complete:
            self.transport.close()
        elif not self.close_sent:
            super().shutdown()

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment; the many of one message are kept as one."""
        self._joined += event.data if self._joined else self.frames[0] + event.data
        if event.fin:
            self.frames = [bytes(self._joined)]
            self._joined.clear()
            self.send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Answer a ping, unless the client leaves so much unread that writing is paused."""
        pong = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(pong)

    def handle_parser_exception(self) -> None:
        """Close with the code that the fault has."""
        self._close_by_itself()
        fault = self.conn.parser_exc
        if isinstance(fault, UnicodeDecodeError):
            self._answer = Answer(0)
        elif isinstance(fault, PayloadTooBig):
            self._answer = Answer(_MASK_BYTES + (fault.size or 0))
        self._look_for_answer(self.conn.behind_fault + self._unparsed)
        self._discard()

    def keepalive_timeout(self) -> None:
        """Close, as the client did not answer a ping."""
        self.pong_timer = None
        self.conn.fail(CloseCode.INTERNAL_ERROR, "keepalive ping timeout")
        self._close_by_itself()
        self._discard()

    def _close_by_itself(self) -> None:
        """Send the close frame that the library made, unless the application closed before."""
        self.stop_keepalive()
        if not self.close_sent and (close := self.conn.close_sent):
            self.queue.put_nowait(
                {"type": "websocket.disconnect", "code": close.code, "reason": close.reason}
            )
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.end_once_silent()

    def _discard(self) -> None:
        self._discarding = True
        self._unparsed.clear()
        cancel(self._turn)
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def _look_for_answer(self, data: bytes) -> None:
        if self._answer and self._answer.is_in(data):
            self.transport.close()

    def _go_on(self) -> None:
        """Parse on, or read on if nothing is left, unless the application is behind."""
        behind = not self.queue.empty() and not self.close_sent
        if self._discarding or behind or self.transport.is_closing():
            return
        if self._unparsed:
            self._turn = self._turn or self.loop.call_soon(self._parse)
        elif self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def _parse(self) -> None:
        self._turn = None
        data = bytes(self._unparsed[:_SLICE_BYTES])
        del self._unparsed[:_SLICE_BYTES]
        self._take(data)
        self._go_on()

    def _take(self, data: bytes) -> None:
        self.conn.receive_data(data)
        # First those in front of a fault.
        self.handle_events()
        if self.conn.parser_exc:
            self.handle_parser_exception()
        elif self._rate and not self._rate.allow(self.conn.take_count()):
            self._discard()
            self._flooded = True
            # The application may wait already; it handles first what came before.
            if self.queue.empty():
                self._tell_of_flood()

    def _tell_of_flood(self) -> None:
        self._flooded = False
        self._exceeded()
