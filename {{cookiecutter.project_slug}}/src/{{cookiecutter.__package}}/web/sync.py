"""The manager's verbs for synchronous code: a thread, a task of a queue, a script.

Each takes what the manager's method takes, and returns once it is done:

    sync.publish("lobby", {"order": 7}, user="shop")

Inside a database transaction, call it after the commit:

    transaction.on_commit(partial(sync.publish, "lobby", {"order": 7}, user="shop"))

In a process that serves, this calls the manager that serves. Any other process gets a manager of
its own on Redis, from the first call to the end of the process. It starts and stops your resources
and handlers, and serves nobody.
"""

import asyncio
import atexit
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import Context
from functools import wraps
from threading import Thread
from typing import Any, Concatenate, ParamSpec, TypeVar

from ..rooms.errors import NoRoomsError
from ..rooms.manager import ConnectionManager

P = ParamSpec("P")
T = TypeVar("T")
Verb = Callable[Concatenate[ConnectionManager, P], Coroutine[Any, Any, T]]


class _OwnManager(Thread):
    """The manager of a process that does not serve, on an event loop in this thread."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.started: Future[ConnectionManager] = Future()
        self.ending = asyncio.Event()

    def run(self) -> None:
        """Run the event loop from the start of the manager to its stop."""
        loop = asyncio.new_event_loop()
        loop.run_until_complete(self._live())
        loop.close()

    async def _live(self) -> None:
        # Only now: it imports your service, whose modules may import this one.
        from .manager import build_manager  # noqa: PLC0415 (see above)

        try:
            manager = build_manager()
            if manager.config.redis_url is None:
                raise NoRoomsError
            async with manager:
                self.started.set_result(manager)
                await self.ending.wait()
        except BaseException as error:  # noqa: BLE001 (whoever calls gets it)
            # The next call tries again.
            _own.pop(os.getpid(), None)
            self.started.set_exception(error)


# By the id of the process: a fork has no threads of its parent's.
_own: dict[int, _OwnManager] = {}


@atexit.register
def end_own_manager() -> None:
    """Stop the manager that this process has for itself; the next call starts another."""
    if own := _own.pop(os.getpid(), None):
        own.started.result().loop.call_soon_threadsafe(own.ending.set)
        own.join()


def find_manager() -> ConnectionManager:
    """Find the manager that serves in this process, or else the one that it has for itself.

    Raises:
        NoRoomsError: this process does not serve, and has no Redis.
    """
    if serving := next(reversed(ConnectionManager.serving_in.get(os.getpid(), [])), None):
        return serving
    new = _OwnManager()
    own = _own.setdefault(os.getpid(), new)
    if own is new:
        own.start()
    return own.started.result()


def blocking(verb: Verb[P, T]) -> Callable[P, T]:
    """Make a function that calls a method of the manager, and waits for it."""
    name = verb.__name__

    @wraps(verb)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            manager = find_manager()
        else:
            raise RuntimeError(f"On a running event loop, write `await manager.{name}(…)`")
        work = when_started(manager, *args, **kwargs)
        # In a context of its own: hooks that use the thread of a view would wait for this call.
        done = Context().run(asyncio.run_coroutine_threadsafe, work, manager.loop)
        return done.result()

    async def when_started(manager: ConnectionManager, *args: P.args, **kwargs: P.kwargs) -> T:
        await manager.started.wait()
        told: T = await getattr(manager, name)(*args, **kwargs)
        return told

    return call


publish = blocking(ConnectionManager.publish)
broadcast = blocking(ConnectionManager.broadcast)
send_to_user = blocking(ConnectionManager.send_to_user)
close_user = blocking(ConnectionManager.close_user)
remove_user = blocking(ConnectionManager.remove_user)
members = blocking(ConnectionManager.members)
messages = blocking(ConnectionManager.messages)
create_room = blocking(ConnectionManager.create_room)
close_room = blocking(ConnectionManager.close_room)
token = blocking(ConnectionManager.token)
account_changed = blocking(ConnectionManager.account_changed)
