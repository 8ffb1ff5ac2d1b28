"""The service that visitors come to, in processes of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

from playwright.async_api import Page

from .fleet import SECRET, Process
from .ports import free_ports
from .project import Project
from .visitors import Street, street

KEY = "a-key-for-tests"

Play = Callable[[Street], Coroutine[Any, Any, None]]
Run = Callable[[Play], None]


class Site:
    """Makes processes of the service, each at a port of its own that it keeps."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._made = 0

    @asynccontextmanager
    async def serving(self, **settings: str) -> AsyncIterator[tuple[Process, str]]:
        """Start a process; it and where it is."""
        self._made += 1
        (port,) = free_ports(1)
        folder = self._project.path
        process = Process(
            f"process-{self._made}",
            self._project,
            folder,
            {
                "API_KEY": KEY,
                "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
                "PORT": str(port),
                "SECRET_KEY": SECRET,
                **self._project.settings,
                **settings,
            },
        )
        try:
            await process.start()
            yield process, f"127.0.0.1:{port}"
        finally:
            await process.stop()


@contextmanager
def open_street() -> Iterator[Run]:
    """Start a browser, in which one thing after another can be played."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        place = runner.run(stack.enter_async_context(street()))
        try:
            yield lambda play: runner.run(play(place))
        finally:
            runner.run(stack.aclose())


async def call(page: Page, method: str, path: str, body: object) -> None:
    """Make an HTTP call with the API key."""
    origin = "/".join(page.url.split("/")[:3])
    answer = await page.request.fetch(
        f"{origin}{path}",
        method=method,
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
        data=json.dumps(body),
    )
    assert answer.ok, await answer.text()
