"""Calls the owner's handlers for the clients and rooms of one process."""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, cast

from pydantic import JsonValue, ValidationError

from .auth.handshake import Handshake
from .auth.identities import Admission
from .client import Client, JoinRequest, Publication, Rooms
from .connections.connection import Connection
from .errors import InvalidBodyError, Refused, RoomsError, UnavailableError
from .handler import RoomHandler, in_order
from .protocol import frames
from .protocol.closes import Close, CloseConnection
from .protocol.own import FromClient, ToClient, build_decoder
from .room_hooks import RoomHooks
from .tasks import RunContext, calling, logging_errors

Handler = RoomHandler[Any, Any]

# Of so many rooms it is remembered which handler has them.
_REMEMBERED_ROOMS = 4_096


class Handling:
    """The handlers of a service, and the clients that they see. `run` goes around each call."""

    def __init__(
        self, handlers: Sequence[Handler], rooms: Rooms, run: RunContext, *, debug: bool
    ) -> None:
        self.handlers = in_order(handlers)
        search = lru_cache(_REMEMBERED_ROOMS)(partial(_index, self.handlers))
        # A single one has all rooms.
        self._index: Callable[[str], int] = search if len(self.handlers) > 1 else lambda _: 0
        self._rooms = rooms
        self._run = run
        self._decoders = [build_decoder(one.frames, debug=debug) for one in self.handlers]
        self._clients: dict[Connection, Client[Any]] = {}
        self.rooms = RoomHooks(run)

    def find(self, room: str) -> Handler:
        """Find the handler of a room: the first that takes it."""
        return self.handlers[self._index(room)]

    def decode(self, room: str, text: str) -> frames.Frame:
        """Read what a client sent in a room.

        Raises:
            pydantic.ValidationError: it is no frame of the protocol or the room's handler.
        """
        return self._decoders[self._index(room)](text)

    def may_wait(self, connection: Connection, frame: frames.Frame) -> bool:
        """Whether a hook is called for a frame."""
        match frame:
            case frames.Message():
                return "before_publish" in self.find(connection.room).hooks
            case frames.Refresh():
                return connection in self._clients
            case _:
                return isinstance(frame, FromClient)

    async def authorize(self, connection: Connection, handshake: Handshake) -> None:
        """Ask whether a client may come in.

        Raises:
            CloseConnection: it may not.
        """
        handler = self.find(connection.room)
        if not handler.hooks and not handler.frames:
            return
        request = JoinRequest(
            connection.admission.identity,
            connection.room,
            handshake.query,
            handshake.headers,
            handshake.address,
        )
        client: Client[Any] = Client(connection, request, self._rooms, self.rooms.spawner())
        client.state = None
        if "authorize" in handler.hooks:
            async with self._asking():
                client.state = await handler.authorize(request)
        # It may have been closed meanwhile, and nothing tells of its end then.
        if not connection.ending:
            self._clients[connection] = client

    async def refreshed(self, connection: Connection, admission: Admission) -> None:
        """Ask whether a client with a new token may stay.

        Raises:
            CloseConnection: it may not.
        """
        if client := self._clients.get(connection):
            request = replace(client.request, identity=admission.identity)
            async with self._asking():
                state = await self.find(connection.room).refreshed(client, request)
            client.renew(request, state)

    async def connected(self, connection: Connection, *, first: bool) -> None:
        """Tell that a client is in."""
        if client := self._clients.get(connection):
            handler = self.find(connection.room)
            await self.rooms.enter(connection.room, handler)
            client.enter()
            if "connected" in handler.hooks:
                async with calling(self._run):
                    await handler.connected(client, first=first)

    async def left(self, connection: Connection) -> None:
        """Tell that a client is gone, after what was spawned for it has ended."""
        if client := self._clients.pop(connection, None):
            handler = self.find(connection.room)
            try:
                last = await connection.membership.left()
                await client.leave()
                if client.entered and "disconnected" in handler.hooks:
                    # Who was removed had left the room before.
                    last = last or self._was_removed(connection)
                    async with logging_errors(
                        self._run, f"{handler.disconnected.__qualname__} failed"
                    ):
                        await handler.disconnected(client, last=last)
            finally:
                if client.entered:
                    self.rooms.leave(connection.room, handler)

    async def handle(self, connection: Connection, frame: FromClient) -> None:
        """Hand a frame to its handler, and send the answer."""
        client = self._clients[connection]
        with client.answering():
            answer = await self._answer(client, frame)
            if answer is not None:
                self._rooms.answer(connection, answer)

    async def before_publish(
        self,
        room: str,
        user: str,
        body: JsonValue,
        message_id: str | None,
        connection: Connection | None,
    ) -> tuple[JsonValue, Publication[Any] | None]:
        """Have a message checked or changed.

        Returns:
            Its body, and what `published` is to be told; None where no hook sees messages.

        Raises:
            Refused, CloseConnection: it is not said.
            InvalidBodyError: its body is not of the handler's type.
        """
        handler = self.find(room)
        if handler.bodies is None and not handler.hooks & {"before_publish", "published"}:
            return body, None
        model = _validated(handler, body)
        message_id = message_id or secrets.token_hex(8)
        message = Publication(room, user, model, message_id, trusted=connection is None)
        if "before_publish" in handler.hooks:
            client = self._clients.get(connection) if connection else None
            async with calling(self._run):
                changed = await handler.before_publish(message, client)
            if client and client.is_cut_off:
                raise Refused("The connection has ended")
            message = replace(message, body=changed.body)
        body = cast("JsonValue", message.body)
        if handler.bodies is not None:
            body = handler.bodies.dump_python(body, mode="json", by_alias=True)
        return frames.Message(body=body).body, message

    def knows(self, connection: Connection) -> bool:
        """Whether a hook is to be told of a client's end."""
        return connection in self._clients

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        try:
            async with calling(self._run):
                yield
        except Refused:
            raise CloseConnection(Close.NOT_ALLOWED) from None

    async def _answer(self, client: Client[Any], frame: FromClient) -> frames.Frame | None:
        handler = self.find(client.room)
        try:
            async with calling(self._run):
                answer = await getattr(handler, handler.frames[type(frame)])(client, frame)
        except RoomsError as error:
            return refusal(error, ref=frame.ref)
        if answer is None:
            return None if frame.ref is None else frames.Done(ref=frame.ref)
        if not isinstance(answer, ToClient):
            name = type(handler).__name__
            raise TypeError(f"{name} answers with what is no frame to clients: {answer!r}")
        return answer.model_copy(update={"ref": frame.ref})

    def _was_removed(self, connection: Connection) -> bool:
        """Whether a removal ended a client, as the last here of its user."""
        removed = connection.closed_with is Close.REMOVED
        return removed and not any(
            (one.room, one.user) == (connection.room, connection.user) for one in self._clients
        )


def refusal(error: RoomsError, **names: str | None) -> frames.Error:
    """Word an error for the client that sent the message `id` or the frame `ref`."""
    code: frames.ErrorCode = "refused"
    if isinstance(error, UnavailableError):
        code = "unavailable"
    elif isinstance(error, InvalidBodyError):
        code = "invalid-message"
    reason = error.reason if isinstance(error, Refused) else None
    return frames.Error(code=code, detail=str(error), reason=reason, **names)


def _index(handlers: Sequence[Handler], room: str) -> int:
    return next(index for index, one in enumerate(handlers) if one.takes(room))


def _validated(handler: Handler, body: JsonValue) -> object:
    if handler.bodies is None:
        # A rule may change it in place.
        return deepcopy(body)
    try:
        model: object = handler.bodies.validate_python(body)
    except ValidationError as error:
        raise InvalidBodyError(frames.problems(error.errors(), skip=0)) from None
    return model
