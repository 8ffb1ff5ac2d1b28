"""What clients send: read, limited, and acted on in order."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
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


class InboundFrames:
    """Acts on what clients send, with what the manager hands in.

    `finish` ends a connection behind what came before; `guarded` ends it if acting fails.
    """

    def __init__(  # noqa: PLR0913 (what it calls)
        self,
        clock: Clock,
        handling: Handling,
        *,
        publish: Publish,
        answer: Answer,
        finish: Finish,
        guarded: Guarded,
    ) -> None:
        self._clock = clock
        self._handling = handling
        self._publish = publish
        self._answer = answer
        self._finish = finish
        self._guarded = guarded

    async def take(self, connection: Connection, received: str | bytes) -> None:
        """Act on a frame, or let it wait in its connection's lane; return once more may be read."""
        if connection.ending or connection.lane.closed:
            return
        if not connection.allow_message():
            self._finish(connection, Close.TOO_MANY_MESSAGES)
        elif isinstance(received, bytes):
            self._finish(connection, Close.BINARY_FRAME)
        else:
            await self._take_text(connection, received)
            connection.credit_unread()

    async def _take_text(self, connection: Connection, text: str) -> None:
        try:
            frame = self._handling.decode(connection.room, text)
        except ValidationError as error:
            detail = frames.problems(error.errors(), skip=1)
            names = frames.sent_names(text)
            frame = frames.Error(code="invalid-message", detail=detail, **names)
        lane = connection.lane
        at_once = isinstance(frame, frames.Ping) and frame.ref is None and connection.opened
        if at_once or (lane.idle and not self._handling.may_wait(connection, frame)):
            await self._act(connection, frame)
            return
        if isinstance(frame, frames.Refresh):
            # It counts from now on, whenever its turn comes.
            connection.expire_at(None)
        lane.put(partial(self._act, connection, frame), len(text))
        await lane.ready()

    async def _act(self, connection: Connection, frame: frames.Frame) -> None:
        with self._guarded(connection):
            match frame:
                case frames.Message():
                    await self._say(connection, frame)
                case frames.Refresh():
                    await self._refresh(connection, frame)
                case frames.Ping():
                    self._answer(connection, frames.Pong(ref=frame.ref))
                case frames.Error():
                    self._answer(connection, frame)
                case frames.ShowClose():
                    raise CloseConnection(frame.close)
                case _:
                    await self._handling.handle(connection, cast("FromClient", frame))

    async def _say(self, connection: Connection, frame: frames.Message) -> None:
        try:
            if not connection.admission.identity.may_publish:
                raise Refused("This token is for reading only")
            await self._publish(connection, frame.body, frame.id)
        except RoomsError as error:
            self._answer(connection, refusal(error, id=frame.id))

    async def _refresh(self, connection: Connection, frame: frames.Refresh) -> None:
        old = connection.admission
        try:
            admission = await old.refreshed(frame.token, self._clock)
        except (CloseConnection, RefreshError) as error:
            if not connection.ending:
                connection.expire_at(old.identity.expires)
            told = frames.Error(code="invalid-token", detail=f"{error}", ref=frame.ref)
            self._answer(connection, told)
            return
        await self._handling.refreshed(connection, admission)
        if not connection.ending:
            connection.renew(admission)
