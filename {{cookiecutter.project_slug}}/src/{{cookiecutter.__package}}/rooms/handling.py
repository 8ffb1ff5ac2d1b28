"""Calls the owner's handlers for the clients and rooms of one process."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from contextvars import Context, copy_context
from dataclasses import replace
from functools import partial
from typing import Any, cast

from pydantic import JsonValue, ValidationError

from .auth.handshake import Handshake
from .auth.identities import Admission
from .client import Client, JoinRequest, Publication, Rooms
from .connections.connection import Connection
from .connections.lane import Lane
from .errors import InvalidBodyError, Refused, RoomNotFoundError, RoomsError, UnavailableError
from .handler import RoomHandler
from .protocol import frames
from .protocol.closes import Close, CloseConnection
from .protocol.own import FromClient, ToClient, build_decoder
from .tasks import RunContext, Spawner

logger = logging.getLogger(__name__)

Handler = RoomHandler[Any, Any]
# A room's work is bounded by what its members may send.
_UNBOUNDED = 1 << 62


class _RoomLife:
    """A room in this process: how many are there, and what is done for it in order."""

    def __init__(self, tasks: Spawner, context: Context) -> None:
        self.lane = Lane(_UNBOUNDED, context)
        self.tasks = tasks
        self.here = 0
        self.opened = False
        self.opening: asyncio.Future[None] | None = None


class Handling:
    """The handlers of a service, and the clients that they see. `run` goes around each call."""

    def __init__(
        self, handlers: Sequence[Handler], rooms: Rooms, run: RunContext, *, debug: bool
    ) -> None:
        self.handlers = tuple(handlers) or (RoomHandler(),)
        self._rooms = rooms
        self._run = run
        self._context = copy_context()
        self._decoders = [build_decoder(one.frames, debug=debug) for one in self.handlers]
        self._clients: dict[Connection, Client[Any]] = {}
        self._lives: dict[str, _RoomLife] = {}
        self._tasks = self._spawner()

    def find(self, room: str) -> Handler:
        """Find the handler of a room: the first that takes it.

        Raises:
            RoomNotFoundError: none does.
        """
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
        try:
            handler = self.find(connection.room)
        except RoomNotFoundError:
            raise CloseConnection(Close.ROOM_NOT_FOUND) from None
        if not handler.hooks and not handler.frames:
            return
        request = JoinRequest(
            connection.admission.identity,
            connection.room,
            handshake.query,
            handshake.headers,
            handshake.address,
        )
        client = Client[Any](connection, request, self._rooms, self._spawner())
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
            await self._enter(connection.room, handler)
            client.enter()
            if "connected" in handler.hooks:
                async with self._calling():
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
                    async with self._logging(f"{handler.disconnected.__qualname__} failed"):
                        await handler.disconnected(client, last=last)
            finally:
                if client.entered:
                    self._leave(connection.room, handler)

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
            async with self._calling():
                changed = await handler.before_publish(message, client)
            if client and client.is_cut_off:
                raise Refused("The connection has ended")
            message = replace(message, body=changed.body)
        body = cast("JsonValue", message.body)
        if handler.bodies is not None:
            body = handler.bodies.dump_python(body, mode="json")
        return frames.Message(body=body).body, message

    def published(self, message: Publication[Any]) -> None:
        """Tell, in the room's turn, that a message is kept."""
        handler = self.find(message.room)
        if "published" in handler.hooks:
            self._life(message.room).lane.put(partial(self._tell_published, handler, message))

    def knows(self, connection: Connection) -> bool:
        """Whether a hook is to be told of a client's end."""
        return connection in self._clients

    def spawn(self, work: Coroutine[Any, Any, None], room: str | None) -> asyncio.Task[None]:
        """Run something until the room's last client has left this process, or until the stop."""
        life = self._lives.get(room) if room is not None else None
        return (life.tasks if life and life.here else self._tasks).spawn(work)

    async def stop(self, seconds: float) -> None:
        """Wait so long for what the rooms have to do, and end what was spawned."""
        lives = list(self._lives.values())
        try:
            async with asyncio.timeout(seconds):
                for life in lives:
                    await life.tasks.end()
                    await life.lane.finished()
        except TimeoutError:
            logger.warning("Not every room's hooks ended in time")
            await asyncio.gather(*(life.lane.cancel() for life in lives))
        await self._tasks.end()

    def _index(self, room: str) -> int:
        if len(self.handlers) == 1 and not self.handlers[0].rooms:
            return 0
        for index, handler in enumerate(self.handlers):
            if handler.takes(room):
                return index
        raise RoomNotFoundError(room)

    def _spawner(self) -> Spawner:
        return Spawner(self._context, self._run)

    @asynccontextmanager
    async def _calling(self) -> AsyncIterator[None]:
        task = asyncio.current_task()
        try:
            async with self._run():
                yield
        except asyncio.CancelledError as error:
            if task and task.cancelling():
                raise
            raise RuntimeError("It awaited a task that was cancelled") from error

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        try:
            async with self._calling():
                yield
        except Refused:
            raise CloseConnection(Close.NOT_ALLOWED) from None

    @asynccontextmanager
    async def _logging(self, failed: str) -> AsyncIterator[None]:
        try:
            async with self._calling():
                yield
        except Exception:
            logger.exception(failed)

    async def _answer(self, client: Client[Any], frame: FromClient) -> frames.Frame | None:
        handler = self.find(client.room)
        try:
            async with self._calling():
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

    def _life(self, room: str) -> _RoomLife:
        if room not in self._lives:
            self._lives[room] = _RoomLife(self._spawner(), self._context)
        return self._lives[room]

    async def _enter(self, room: str, handler: Handler) -> None:
        life = self._life(room)
        life.here += 1
        if life.opening is None:
            life.opening = asyncio.get_running_loop().create_future()
            life.lane.put(partial(self._open, life, room, handler, life.opening))
        try:
            await asyncio.shield(life.opening)
        except BaseException:
            self._leave(room, handler)
            raise

    def _leave(self, room: str, handler: Handler) -> None:
        life = self._lives[room]
        life.here -= 1
        if not life.here:
            life.opening = None
            life.lane.put(partial(self._empty, life, room, handler))

    async def _open(
        self, life: _RoomLife, room: str, handler: Handler, opening: asyncio.Future[None]
    ) -> None:
        try:
            if "opened" in handler.hooks:
                async with self._calling():
                    await handler.opened(room)
        except Exception as error:  # noqa: BLE001 (those who come in end with it)
            opening.set_exception(error)
        else:
            life.opened = True
            opening.set_result(None)

    async def _empty(self, life: _RoomLife, room: str, handler: Handler) -> None:
        await life.tasks.end()
        opened, life.opened = life.opened, False
        if "emptied" in handler.hooks and opened:
            async with self._logging(f"{handler.emptied.__qualname__} failed"):
                await handler.emptied(room)
        self._forget(room)

    async def _tell_published(self, handler: Handler, message: Publication[Any]) -> None:
        async with self._logging(f"{handler.published.__qualname__} failed"):
            await handler.published(message)
        self._forget(message.room)

    def _forget(self, room: str) -> None:
        life = self._lives[room]
        if not life.here and not life.lane.bytes:
            del self._lives[room]


def refusal(error: RoomsError, **names: str | None) -> frames.Error:
    """Word an error for the client that sent the message `id` or the frame `ref`."""
    code: frames.ErrorCode = "refused"
    if isinstance(error, UnavailableError):
        code = "unavailable"
    elif isinstance(error, InvalidBodyError):
        code = "invalid-message"
    reason = error.reason if isinstance(error, Refused) else None
    return frames.Error(code=code, detail=str(error), reason=reason, **names)


def _validated(handler: Handler, body: JsonValue) -> object:
    if handler.bodies is None:
        return body
    try:
        model: object = handler.bodies.validate_python(body)
    except ValidationError as error:
        raise InvalidBodyError(frames.problems(error.errors(), skip=0)) from None
    return model
