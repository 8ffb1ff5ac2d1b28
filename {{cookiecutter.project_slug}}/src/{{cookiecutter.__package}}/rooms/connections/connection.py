"""One client's connection: its state, its outbox, its rate, its token's expiry."""

import logging
import secrets
import time
from collections.abc import Callable
from enum import IntEnum, auto
from functools import partial

from .. import metrics
from ..auth.identities import Admission
from ..clock import Clock, Timer
from ..config import ServiceConfig
from ..protocol.closes import Close, CloseRow
from ..protocol.frames import Batch, Encoded, LastWords, encode
from .lane import Lane
from .membership import Membership
from .outbox import Outbox
from .rate import RateLimit, frame_limit
from .transport import Transport

logger = logging.getLogger(__name__)


class State(IntEnum):
    """How far a connection has come. It goes one step on at a time, or from any to `CLOSING`."""

    # Accepted; it is being decided who the client is.
    CONNECTING = auto()
    # Presence may have it from here on, so it has to leave the room.
    JOINING = auto()
    OPEN = auto()
    # Told to close, or left by its client; its membership has ended.
    CLOSING = auto()
    CLOSED = auto()


class Connection:
    """What is kept for one client.

    `end(connection, close)` is called when it has to end, `finish` when it has to end behind what
    its client sent before.
    """

    # Set once it is admitted; what it sends before is not acted on.
    admission: Admission

    def __init__(  # noqa: PLR0913, PLR0917 (what it is made of, and calls)
        self,
        room: str,
        transport: Transport,
        config: ServiceConfig,
        clock: Clock,
        end: "Callable[[Connection, CloseRow | None], None]",
        finish: "Callable[[Connection, Close | None], None] | None" = None,
    ) -> None:
        self.id = secrets.token_hex(8)
        self.state = State.CONNECTING
        self.membership = Membership(room)
        self.lane = Lane(config.outbox_bytes)
        self.session: str | None = None
        self.since = time.monotonic()
        self.received = 0
        self.closed_with: CloseRow | None = None
        self._clock = clock
        self._end = end
        self._expiry: Timer | None = None
        self._outbox = Outbox(transport, config.outbox_bytes, self._fail)
        self._rate = RateLimit(config.messages_per_second, clock)
        # Of all that the client sends, pings and fragments too.
        self._frame_rate = frame_limit(config.messages_per_second, clock)
        if transport.limit_frames:
            transport.limit_frames(self._frame_rate, partial(finish or end, self))

    @property
    def room(self) -> str:
        """The room that the client asked for."""
        return self.membership.room

    @property
    def user(self) -> str:
        """Who the client is; empty until that is known."""
        return self.membership.user

    @property
    def opened(self) -> bool:
        """Whether the client was sent its welcome, and no close."""
        return self.state is State.OPEN

    def admit(self, admission: Admission, *, announced: bool) -> None:
        """Set who the client is; `announced` says whether the others are told of it."""
        self.admission = admission
        self.session = admission.identity.session
        self.membership.admit(admission.identity.user, announced=announced)

    def renew(self, admission: Admission) -> None:
        """Replace the admission by a newer one of the same user."""
        self.admission = admission
        self.session = admission.identity.session
        self.expire_at(admission.identity.expires)

    @property
    def ending(self) -> bool:
        """Whether it was told to close, or its client is gone."""
        return self.state >= State.CLOSING

    @property
    def facts(self) -> dict[str, str]:
        """Name this connection in a line of the log, as its `extra`."""
        return {"connection": self.id, "room": self.room, "user": self.user}

    @property
    def waiting_bytes(self) -> int:
        """How much waits to be written."""
        return self._outbox.bytes

    @property
    def retry_after(self) -> float:
        """Seconds until it may speak again as fast as it likes."""
        return max(self._rate.retry_after, self._frame_rate.retry_after)

    def join(self) -> None:
        """Begin to join the room."""
        self._step(State.JOINING)

    def open(self) -> None:
        """Finish joining: the client is told its welcome now."""
        self._step(State.OPEN)

    def close(self, close: CloseRow | None, retry_after: float | None = None) -> None:
        """Close after what waits and the row's last words; None if the client has left.

        `retry_after` is in seconds.
        """
        self._step(State.CLOSING)
        self.closed_with = close
        self.expire_at(None)
        if close is None:
            self._outbox.seal()
            return
        row = close.row
        last_words = None
        if close is Close.READS_TOO_SLOWLY:
            metrics.DROPPED_BYTES.inc(self.waiting_bytes)
            self._outbox.drop()
        if row.last_words:
            last_words = encode(LastWords(type=row.last_words, retry_after=retry_after))
        self._outbox.finish(row.code, row.reason or "", last_words)

    def forget(self, by_server: CloseRow | None) -> None:
        """Finish: the socket is gone. What the server closed with was on the wire, so it counts."""
        self._step(State.CLOSED)
        self.closed_with = by_server or self.closed_with

    def allow_message(self) -> bool:
        """Count a message; return False if they are too many."""
        self.received += 1
        return self._rate.allow()

    def credit_unread(self) -> None:
        """Allow what would have been allowed since the last message, as nothing was read."""
        self._rate.credit_unread()
        self._frame_rate.credit_unread()

    def expire_at(self, when: float | None) -> None:
        """End with *token expired* at this time, in place of the time set before; None: never."""
        if self._expiry:
            self._expiry.cancel()
            self._expiry = None
        if when is not None:
            expire = partial(self._end, self, Close.TOKEN_EXPIRED)
            self._expiry = self._clock.call_at(when, expire)

    def send(self, frame: Encoded) -> bool:
        """Queue a frame; return False if the outbox is full."""
        return self._outbox.put(frame)

    def send_batch(self, batch: Batch) -> bool:
        """Queue frames that were told in one round; False if the outbox can't take them all."""
        return self._outbox.put_batch(batch)

    async def drained(self) -> None:
        """Wait until all was sent that waits, and the close."""
        await self._outbox.drained()

    async def abandon(self) -> None:
        """Send nothing more: the client is gone."""
        await self._outbox.abandon()

    def _step(self, to: State) -> None:
        farthest = State.CLOSING if to is State.CLOSING else self.state + 1
        if not self.state < to <= farthest:
            raise RuntimeError(f"a connection can't go from {self.state.name} to {to.name}")
        self.state = to

    def _fail(self, error: BaseException) -> None:
        # A framework raises an error of its own while it handles the server's.
        gone = isinstance(error, OSError) or isinstance(error.__context__, OSError)
        if not gone:
            logger.error("A client cannot be written to", exc_info=error, extra=self.facts)
        self._end(self, None if gone else Close.INTERNAL_ERROR)
