"""What clients send: read, limited, and acted on in order."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import cast

from pydantic import JsonValue, ValidationError

from .auth.identities import RefreshError
from .clock import Clock
from .connections.connection import Connection
from .errors import Refused, RoomsError
from .handling import Handling, refusal
from .protocol import frames
from .protocol.closes import Close, CloseConnection
from .protocol.own import FromClient

Publish = Callable[[Connection, JsonValue, str | None], Awaitable[object]]
Answer = Callable[[Connection, frames.Frame], None]
Finish = Callable[[Connection, Close], None]
Guarded = Callable[[Connection], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class InboundFrames:
    """Acts on what clients send, with what the manager hands in.

    `finish` ends a connection behind what came before; `guarded` ends it if acting fails.
    """

    clock: Clock
    handling: Handling
    publish: Publish
    answer: Answer
    finish: Finish
    guarded: Guarded

    async def take(self, connection: Connection, received: str | bytes) -> None:
        """Act on a frame, or let it wait in its connection's lane; return once more may be read."""
        if connection.ending or connection.lane.closed:
            return
        if not connection.allow_message():
            self.finish(connection, Close.TOO_MANY_MESSAGES)
        elif isinstance(received, bytes):
            self.finish(connection, Close.BINARY_FRAME)
        else:
            await self._take_text(connection, received)
            connection.credit_unread()

    async def _take_text(self, connection: Connection, text: str) -> None:
        try:
            frame = self.handling.decode(connection.room, text)
        except ValidationError as error:
            detail = frames.problems(error.errors(), skip=1)
            names = frames.sent_names(text)
            frame = frames.Error(code="invalid-message", detail=detail, **names)
        lane = connection.lane
        at_once = isinstance(frame, frames.Ping) and frame.ref is None and connection.opened
        if at_once or (lane.idle and not self.handling.may_wait(connection, frame)):
            await self._act(connection, frame)
            return
        if isinstance(frame, frames.Refresh):
            # It counts from now on, whenever its turn comes.
            connection.expire_at(None)
        lane.put(partial(self._act, connection, frame), len(text))
        await lane.ready()

    async def _act(self, connection: Connection, frame: frames.Frame) -> None:
        with self.guarded(connection):
            match frame:
                case frames.Message():
                    await self._say(connection, frame)
                case frames.Refresh():
                    await self._refresh(connection, frame)
                case frames.Ping():
                    self.answer(connection, frames.Pong(ref=frame.ref))
                case frames.Error():
                    self.answer(connection, frame)
                case frames.ShowClose():
                    raise CloseConnection(frame.close)
                case _:
                    await self.handling.handle(connection, cast("FromClient", frame))

    async def _say(self, connection: Connection, frame: frames.Message) -> None:
        try:
            if not connection.admission.identity.may_publish:
                raise Refused("This token is for reading only")
            await self.publish(connection, frame.body, frame.id)
        except RoomsError as error:
            self.answer(connection, refusal(error, id=frame.id))

    async def _refresh(self, connection: Connection, frame: frames.Refresh) -> None:
        old = connection.admission
        try:
            admission = await old.refreshed(frame.token, self.clock)
        except (CloseConnection, RefreshError) as error:
            if not connection.ending:
                connection.expire_at(old.identity.expires)
            told = frames.Error(code="invalid-token", detail=f"{error}", ref=frame.ref)
            self.answer(connection, told)
            return
        await self.handling.refreshed(connection, admission)
        if not connection.ending:
            connection.renew(admission)
