"""What goes around queries outside of views: those of handlers, and those of the service itself."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.db import connection, connections

P = ParamSpec("P")
T = TypeVar("T")


def in_thread(method: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Run a method in any free thread rather than asgiref's one: a slow query holds up no other.

    The thread's connection is closed after it, as the thread may not live on.
    """

    @wraps(method)
    def closing(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        finally:
            connection.close()

    return sync_to_async(closing, thread_sensitive=False)


class RunContext:
    """A thread of its own for a handler's queries, whose connections are closed behind it.

    A slow query holds up no other handler, and a connection that broke is not used again.
    """

    def __init__(self) -> None:
        self._context: Any = ThreadSensitiveContext()

    async def __aenter__(self) -> None:
        """Begin; there is no thread before the first query."""
        await self._context.__aenter__()

    async def __aexit__(self, *error: object) -> None:
        """Close what was opened, and end the thread."""
        try:
            if self._context in SyncToAsync.context_to_thread_executor:
                await sync_to_async(connections.close_all)()
        finally:
            await self._context.__aexit__(*error)
