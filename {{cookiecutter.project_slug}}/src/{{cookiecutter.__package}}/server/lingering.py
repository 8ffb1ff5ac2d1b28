"""Ends connections so that the last words on them arrive."""

import asyncio


class Lingering(asyncio.Protocol):
    """A protocol that reads on after its last words.

    The system answers what is unread at the end of a connection with a reset, which takes away
    what the client has not read yet.
    """

    # The connection ends after this time, whatever the client is sending.
    close_seconds = 10.0
    # A client that is silent for this time has nothing more to say.
    silence_seconds = 2.0

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    close_timer: asyncio.TimerHandle | None = None
    _heard_at = 0.0
    _deadline = 0.0

    def note_data(self) -> None:
        """Note that the client is sending."""
        self._heard_at = self.loop.time()

    def end_once_silent(self) -> None:
        """Close the connection once the client has fallen silent, or when the time is over."""
        now = self.loop.time()
        if not self._deadline:
            self._heard_at, self._deadline = now, now + self.close_seconds
        cancel(self.close_timer)
        silent_at = self._heard_at + self.silence_seconds
        if now >= self._deadline:
            self.transport.abort()
            return
        if now >= silent_at:
            if not self.transport.get_write_buffer_size():
                self.transport.close()
                return
            silent_at = now + self.silence_seconds
        when = min(silent_at, self._deadline)
        self.close_timer = self.loop.call_at(when, self.end_once_silent)


def cancel(*timers: asyncio.Handle | None) -> None:
    """Cancel the timers that were set."""
    for timer in timers:
        if timer:
            timer.cancel()
