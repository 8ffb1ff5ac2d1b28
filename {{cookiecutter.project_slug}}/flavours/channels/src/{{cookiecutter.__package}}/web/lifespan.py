"""The start and the end of the application, as ASGI tells them."""

import traceback

from ..rooms.manager import ConnectionManager
from ..server.middleware import Receive, Scope, Send


class Lifespan:
    """Starts a manager, and leaves it in the state that every scope gets."""

    def __init__(self, manager: ConnectionManager) -> None:
        self._manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one lifespan scope."""
        await receive()
        try:
            await self._manager.start()
        except Exception:
            await send({"type": "lifespan.startup.failed", "message": traceback.format_exc()})
            raise
        # The server drains this manager when it stops.
        scope["state"]["manager"] = self._manager
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._manager.stop()
        await send({"type": "lifespan.shutdown.complete"})
