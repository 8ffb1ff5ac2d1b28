"""What goes around each call of a handler, so that its queries are as in a view."""

from typing import Any

from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.db import connections


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
        if self._context in SyncToAsync.context_to_thread_executor:
            await sync_to_async(connections.close_all)()
        await self._context.__aexit__(*error)
