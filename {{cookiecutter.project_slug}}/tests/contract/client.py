"""The words in which the contract's tests speak of a socket."""

import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from {{cookiecutter.__package}}.rooms import CloseRow

from ..waiting import within

Frame = dict[str, Any]


class Client:
    """A real client on a real socket. Every frame that it gets, a test must expect."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.ended_with: CloseRow | None = None
        self.vanished = False

    async def send(self, **frame: Any) -> None:
        """Send a frame."""
        await self.send_raw(json.dumps(frame))

    async def send_raw(self, data: str | bytes) -> None:
        """Send a text or a binary frame as it is; a closed connection fails."""
        try:
            await within("a frame to be sent", self.socket.send(data))
        except ConnectionClosed as closed:
            pytest.fail(f"could not send, as the connection closed with {closed.rcvd}")

    def send_at_once(self, *frames: Frame) -> None:
        """Send frames of less than 126 bytes in one segment."""
        texts = [json.dumps(frame).encode() for frame in frames]
        # Masked with a key of zeros.
        wires = [bytes([0x81, 0x80 | len(text)]) + bytes(4) + text for text in texts]
        self.socket.transport.write(b"".join(wires))

    async def say(self, body: object, **more: Any) -> None:
        """Send a message to the room."""
        await self.send(type="message", body=body, **more)

    async def next_frame(self, expected: str) -> Frame:
        """Read the next frame; a close in its place fails."""
        try:
            frame = await self._read(expected)
        except ConnectionClosed as closed:
            pytest.fail(f"expected {expected}, but the connection closed with {closed.rcvd}")
        return frame

    async def expect(self, kind: str, **fields: Any) -> Frame:
        """Expect a frame of this type next, with these fields at least."""
        frame = await self.next_frame(f"a frame `{kind}`")
        assert frame["type"] == kind, f"expected `{kind}`, but got {frame}"
        for name, value in fields.items():
            assert frame.get(name) == value, f"expected {name}={value!r}, but got {frame}"
        return frame

    async def expect_message(self, body: object, sender: str | None = None) -> Frame:
        """Expect what a member said."""
        frame = await self.expect("message", body=body)
        assert sender is None or frame["from"] == sender, f"expected {sender}, but got {frame}"
        return frame

    async def expect_error(self, code: str, **fields: Any) -> Frame:
        """Expect a refusal, with words for a person."""
        frame = await self.expect("error", code=code, **fields)
        assert frame["detail"]
        return frame

    async def expect_nothing(self) -> None:
        """Expect that nothing waits: the answer to a ping comes after all that was sent before."""
        await self.send(type="ping")
        frame = await self.next_frame("the answer to a ping")
        assert frame == {"type": "pong"}, f"expected nothing, but got {frame}"

    async def expect_backlog(self, close: CloseRow) -> list[Frame]:
        """Read all that is on its way, up to this row's close."""
        frames = []
        try:
            while True:
                frames.append(await self._read(f"a frame, or the close {close.name}"))
        except ConnectionClosed as closed:
            self._check(close, closed)
        return frames

    async def expect_close(self, close: CloseRow, **fields: Any) -> Frame:
        """Expect this row of the close table: its last words, its code, its reason, the end.

        Returns:
            The last words, empty where the row has none.
        """
        last_words: Frame = {}
        if close.row.last_words:
            last_words = await self.expect(close.row.last_words, **fields)
        try:
            frame = await self._read(f"the close {close.name}")
        except ConnectionClosed as closed:
            self._check(close, closed)
        else:
            pytest.fail(f"expected the close {close.name}, but got {frame}")
        return last_words

    async def leave(self) -> None:
        """Close, after a look at what the test did not read; only that others left needs not be."""
        if self.ended_with is None and not self.vanished:
            await self.send(type="ping")
            while (frame := await self.next_frame("the answer to a ping"))["type"] == "left":
                pass
            assert frame == {"type": "pong"}, f"the test did not expect {frame}"
            await within("the client's close", self.socket.close())

    def vanish(self) -> None:
        """Break the connection without a close frame."""
        self.vanished = True
        self.socket.transport.abort()

    async def _read(self, expected: str) -> Frame:
        text = await within(expected, self.socket.recv(decode=True))
        frame = json.loads(text)
        assert isinstance(frame, dict), f"expected {expected}, but got {text!r}"
        return frame

    def _check(self, close: CloseRow, closed: ConnectionClosed) -> None:
        got, row = closed.rcvd, close.row
        assert got is not None, f"expected {close.name}, but the connection broke: 1006"
        assert got.code == row.code, f"expected {close.name}, but got {got}"
        assert row.reason is None or got.reason == row.reason, f"not the reason: {got}"
        self.ended_with = close
