"""What is said to rooms and users, and what is asked of them, by clients and by trusted code."""

import asyncio
from dataclasses import replace

from pydantic import BaseModel, JsonValue

from .backends.interfaces import Backend
from .clock import rfc3339
from .connections.connection import Connection
from .connections.telemetry import record_delivery, record_message
from .delivery.keeper import StreamKeeper
from .errors import MessageTooLargeError, Refused, RoomNotFoundError
from .handling import Handling
from .history import History, read_history
from .names import is_room_name
from .protocol import frames
from .protocol.closes import Close, CloseConnection, CloseRow
from .protocol.events import (
    EVERYWHERE,
    AccountChanged,
    Direct,
    Ephemeral,
    Removed,
    RoomDeleted,
    SessionEnded,
)
from .protocol.own import check_to_client
from .registry import RoomRegistry


class Publishing(RoomRegistry):
    """Says messages and frames, reads what was said, and closes connections, in all processes.

    Each method raises `RoomNotFoundError` if there is no such room, and `UnavailableError` if the
    other processes can't be reached.
    """

    # Whatever derives of this sets them.
    backend: Backend
    _streams: StreamKeeper
    _handling: Handling

    async def publish(
        self,
        room: str,
        body: JsonValue | BaseModel,
        user: str,
        id: str | None = None,  # noqa: A002 (the wire's word)
    ) -> str:
        """Say something to a room in a user's name; its position.

        That is the first if this user said something with the same `id` before.

        Raises:
            RoomNotFoundError: there is no such room.
            MessageTooLargeError: it has more than MAX_MESSAGE_BYTES.
            UnavailableError: it was not said, or nobody knows. Said again with the same
                `id`, it is said once.
        """
        message = frames.Message(body=frames.as_json(body))
        await self._checked(room, message)
        try:
            return await self._publish(room, message.body, user, id)
        except CloseConnection as error:
            raise Refused(f"{error}") from None

    async def publish_from(
        self, connection: Connection, body: JsonValue, message_id: str | None
    ) -> str:
        """Say something to a room for a client.

        Raises:
            Refused: a rule has something against it.
            UnavailableError: as for `publish`.
        """
        return await self._publish(connection.room, body, connection.user, message_id, connection)

    async def members(self, room: str) -> list[str]:
        """Name the members of a room.

        Raises:
            RoomNotFoundError: there is no such room.
        """
        await self.existing_room(room)
        return sorted((await self.backend.presence.members(room)).members)

    async def messages(self, room: str, after: str | None, limit: int) -> History:
        """Read up to `limit` messages that follow a position; without one, the last of them.

        Raises:
            RoomNotFoundError: there is no such room.
        """
        found = await self.existing_room(room)
        # Where an empty room's log stands is told, unless that would make the room.
        follow = found.keep is None
        return await read_history(self.backend.log, room, after, limit, follow=follow)

    async def broadcast(self, room: str, frame: frames.Frame) -> None:
        """Send a frame to everyone who is in a room now; it is not kept.

        Use it for what is soon out of date, such as who is typing.

        Raises:
            MessageTooLargeError: the frame has more than MAX_MESSAGE_BYTES.
            TypeError: it is no frame to clients.
        """
        check_to_client(frame)
        await self.backend.bus.send(room, Ephemeral(text=await self._checked(room, frame)))

    async def send_to_user(self, room: str, user: str, frame: frames.Frame) -> bool:
        """Send a frame to all connections of a user in a room; return whether the user is there.

        Raises:
            MessageTooLargeError: the frame has more than MAX_MESSAGE_BYTES.
            TypeError: it is no frame to clients.
        """
        check_to_client(frame)
        event = Direct(user=user, text=await self._checked(room, frame))
        # Ask first: a user who joins in between gets the frame although the answer is no.
        is_there = await self.backend.presence.has(room, user)
        await self.backend.bus.send(room, event)
        return is_there

    async def close_user(self, room: str, user: str, row: CloseRow) -> None:
        """Close all connections of a user in a room with a row of the close table."""
        await self.existing_room(room)
        await self.backend.bus.send(room, Removed(user=user, close=row.name))

    async def remove_user(self, room: str, user: str) -> None:
        """Take a user out of a room, and close all connections of that user with *removed*."""
        found = await self.existing_room(room)
        went = await self.backend.presence.remove(room, user)
        # Even if nobody was removed: a connection may be joining.
        await self.close_user(room, user, Close.REMOVED)
        if went and found.presence:
            await self.backend.bus.send(room, went)

    async def broadcast_from(
        self, connection: Connection, frame: frames.Frame, *, to_self: bool
    ) -> None:
        """Send a frame to all who are in a client's room now, in whatever process."""
        event = Ephemeral(text=frames.encode(frame).text, but="" if to_self else connection.id)
        await self._streams.send(connection.room, event)

    async def close_room(self, name: str) -> None:
        """Delete a room and its log, and close its members' connections.

        One that needs no making is there again for who comes next.

        Raises:
            RoomNotFoundError: there is none of this name.
        """
        if not is_room_name(name):
            raise RoomNotFoundError(name)
        found = self.service.room(name) is not None or await self.store.delete(name)
        # Also if there was none: it may be the second try, after the first broke off here.
        await self.room_deleted(name)
        if not found:
            raise RoomNotFoundError(name)

    async def room_deleted(self, name: str) -> None:
        """Close the connections of a room that is no longer in the store.

        Raises:
            UnavailableError: its log is still there.
        """
        await self._streams.send(name, RoomDeleted())
        await self.backend.log.delete(name)

    async def end_session(self, session: str) -> None:
        """Close all connections of a session, in whatever process and room."""
        await self._streams.send(EVERYWHERE, SessionEnded(session=session))

    async def account_changed(self, account: str) -> None:
        """Close all connections of an account whose identity no longer holds, wherever they are."""
        await self._streams.send(EVERYWHERE, AccountChanged(account=account))

    def check_size(self, frame: frames.Frame) -> str:
        """Encode a frame.

        Raises:
            MessageTooLargeError: it has more than MAX_MESSAGE_BYTES.
        """
        encoded = frames.encode(frame)
        if encoded.size > self.config.max_message_bytes:
            raise MessageTooLargeError(encoded.size, self.config.max_message_bytes)
        return encoded.text

    async def _checked(self, room: str, frame: frames.Frame) -> str:
        """Encode a frame for a room that exists, unless the frame is too large."""
        text = self.check_size(frame)
        await self.existing_room(room)
        return text

    async def _publish(
        self,
        room: str,
        body: JsonValue,
        sender: str,
        message_id: str | None,
        connection: Connection | None = None,
    ) -> str:
        begun = record_message()
        sent = body
        body, message = await self._handling.before_publish(
            room, sender, sent, message_id, connection
        )
        if body != sent:
            self.check_size(frames.Message(body=body))
        at = rfc3339(self.clock.time())
        text = frames.encode_payload(sender, body, at, message_id)
        # No user name has a line break.
        idempotency_key = None if message_id is None else f"{sender}\n{message_id}"
        position, duplicate = await self._streams.publish(room, text, idempotency_key)
        # After the tasks that write to the members, which were woken before.
        asyncio.get_running_loop().call_soon(record_delivery, begun)
        if message and not duplicate:
            told = replace(message, position=str(position))
            self._handling.rooms.published(told, self._handling.find(room))
        return str(position)
