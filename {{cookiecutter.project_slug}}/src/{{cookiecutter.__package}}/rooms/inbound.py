"""What clients send: read, limited, and acted on."""

from collections.abc import Awaitable, Callable
from typing import assert_never

from pydantic import JsonValue, ValidationError

from .auth.identities import RefreshError
from .clock import Clock
from .connections.connection import Connection
from .errors import UnavailableError
from .protocol import frames
from .protocol.closes import Close, CloseConnection

Publish = Callable[[str, JsonValue, str, str | None], Awaitable[object]]
Answer = Callable[[Connection, frames.Frame], None]


class InboundFrames:
    """Acts on what clients send, with `publish` and `answer` from the manager."""

    def __init__(self, clock: Clock, publish: Publish, answer: Answer, *, debug: bool) -> None:
        self._clock = clock
        self._publish = publish
        self._answer = answer
        self._debug = debug

    async def act(self, connection: Connection, received: str | bytes) -> None:
        """Act on one frame.

        Raises:
            CloseConnection: the connection has to end for it.
        """
        if not connection.allow_message():
            raise CloseConnection(Close.TOO_MANY_MESSAGES)
        if isinstance(received, bytes):
            raise CloseConnection(Close.BINARY_FRAME)
        try:
            frame = frames.decode(received, debug=self._debug)
        except ValidationError as error:
            detail = frames.problems(error.errors(), skip=1)
            self._refuse(connection, "invalid-message", detail, **frames.sent_names(received))
            return
        match frame:
            case frames.Message():
                await self._say(connection, frame)
            case frames.Refresh():
                await self._refresh(connection, frame)
            case frames.Ping():
                self._answer(connection, frames.Pong(ref=frame.ref))
            case frames.ShowClose():
                raise CloseConnection(frame.close)
            case _:
                assert_never(frame)

    async def _say(self, connection: Connection, frame: frames.Message) -> None:
        if not connection.admission.identity.may_publish:
            self._refuse(connection, "refused", "This token is for reading only", frame.id)
            return
        try:
            await self._publish(connection.room, frame.body, connection.user, frame.id)
        except UnavailableError as error:
            self._refuse(connection, "unavailable", f"{error}", frame.id)

    async def _refresh(self, connection: Connection, frame: frames.Refresh) -> None:
        try:
            admission = await connection.admission.refreshed(frame.token, self._clock)
        except (CloseConnection, RefreshError) as error:
            self._refuse(connection, "invalid-token", f"{error}", ref=frame.ref)
            return
        if not connection.ending:
            connection.renew(admission)

    def _refuse(
        self,
        connection: Connection,
        code: frames.ErrorCode,
        detail: str,
        message_id: str | None = None,
        ref: str | None = None,
    ) -> None:
        error = frames.Error(code=code, detail=detail, id=message_id, ref=ref)
        self._answer(connection, error)
