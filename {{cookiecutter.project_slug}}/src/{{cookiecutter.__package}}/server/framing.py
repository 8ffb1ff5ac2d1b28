"""What websockets' reading of frames lacks, and how frames are written."""

import codecs
import json
from collections.abc import Generator
from http import HTTPStatus
from typing import Any

from websockets.exceptions import InvalidHeader
from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.server import ServerProtocol

from ..rooms.protocol.frames import Batch, Encoded
from .middleware import SAFE_HEADERS

# A fragment of so many bytes costs no more than its part of the largest message.
_LARGE_FRAGMENT = 64
MASK_BYTES = 4
_LENGTH_BYTES = {126: 2, 127: 8}
_LONGEST_HEAD = 14
# The bit of an opcode that makes a control frame, and how large one may be.
_CONTROL = 0x08
_LARGEST_CONTROL = 125
# A client that sends more frames behind a fault is not waited for.
_FRAMES_BEHIND_A_FAULT = 1_000


def to_wire(sent: Encoded | Batch) -> bytes:
    """Serialize a frame or a batch (RFC 6455), once for all clients that get it."""
    if sent.wire:
        return sent.wire
    if isinstance(sent, Batch):
        return sent.keep_wire(b"".join(map(to_wire, sent.frames)))
    return sent.keep_wire(Frame(Opcode.TEXT, sent.text.encode()).serialize(mask=False))


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
        # The close for a fault; a code that no frame bears, as long as there is none.
        self.fault = Close(CloseCode.NO_STATUS_RCVD, "")
        # What a refusal bears so that a page of an allowed origin can read it.
        self.cors: list[tuple[bytes, bytes]] = []
        # Frames since `take_count`, without fragments of some size.
        self.counted = 0
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
        """Return how many frames came since the last call."""
        counted, self.counted = self.counted, 0
        return counted

    def recv_frame(self, frame: Frame) -> None:
        """Process a frame.

        Raises:
            UnicodeDecodeError: it makes a text that is not UTF-8.
        """
        is_fragment = frame.opcode is Opcode.CONT
        if not is_fragment or len(frame.data) < _LARGE_FRAGMENT:
            self.counted += 1
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
        for name, value in (*SAFE_HEADERS, *self.cors):
            response.headers[name.decode()] = value.decode("latin-1")
        return response

    def parse(self) -> Generator[None]:
        """Parse frames alone: the server has parsed the request."""
        return super(ServerProtocol, self).parse()

    def fail(self, code: CloseCode | int, reason: str = "") -> None:
        """Note a fault and parse nothing more; what came before it is handled before the close."""
        self.fault = Close(code, reason)
        self.parser = self.discard()
        next(self.parser)

    def fail_now(self) -> None:
        """Close for the fault that was noted."""
        super().fail(self.fault.code, self.fault.reason)

    def discard(self) -> Generator[None]:
        """Keep what is behind a fault, as the client's answer may be there."""
        self.behind_fault = bytes(self.reader.buffer)
        while True:
            self.reader.discard()
            yield


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
            at += head + MASK_BYTES + length
        self._rest, self._ahead = data[at : at + _LONGEST_HEAD], max(0, at - len(data))
        return False
