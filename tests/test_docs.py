"""The documentation: it builds, tells what the code has, and its tutorial can be followed."""

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import pytest
from filelock import FileLock
from playwright.async_api import expect

from .ports import free_ports
from .project import FLAVOURS, TEMPLATE, Project, clean_environment
from .stage import Run
from .tutorial import Reader, read
from .visitors import Street

TUTORIAL = TEMPLATE / "docs/tutorial.md"
PLACE = "gh:OWNER/cookiecutter-websocket"
ADDRESS = "127.0.0.1:8000"
# What the system prefers, and what the pages then look like.
SCHEMES: list[tuple[Literal["light", "dark"], str]] = [("light", "default"), ("dark", "slate")]
# Each page waits half a second for what else it would ask for.
WINDOWS = 6


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the documentation."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--config-file", config, "--site-dir", site],
        env=clean_environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def built(shared: Path) -> Path:
    """The built documentation, made once in all of this run's processes."""
    site = shared / "documentation"
    with FileLock(shared / "documentation.lock"):
        if not (site / "index.html").exists():
            done = build(TEMPLATE / "mkdocs.yml", site)
            assert done.returncode == 0, done.stderr
    return site


def names(project: Project) -> dict[str, set[str]]:
    """Find what each page of reference has to name, in what the project has of it."""
    source, closes = project.package, project.closes
    models = (source / "rooms/protocol/frames.py").read_text(encoding="utf-8")
    frames = re.findall(r': Literal\["([\w-]+)"\] = ', models)
    readme, example = (
        (project.path / name).read_text(encoding="utf-8") for name in ("README.md", ".env.example")
    )
    metrics = re.findall(r"^\| `(rooms_\w+)`", readme, re.MULTILINE)
    settings = re.findall(r"^#(\w+)=", example, re.MULTILINE)
    return {
        "settings": set(settings),
        "messages": {*frames, *(row["lastWords"] for row in closes.values() if row["lastWords"])}
        - {"debug-close"},
        "closes": set(closes),
        "metrics": set(metrics),
    }


@pytest.mark.slow(20)
def test_the_reference_names_all_that_the_code_has(built: Path, project: Project) -> None:
    for page, wanted in names(project).items():
        shown = (built / f"reference/{page}/index.html").read_text(encoding="utf-8")
        assert wanted
        assert wanted - set(re.findall(r"<code[^>]*>([^<]+)</code>", shown)) == set()
        assert "code:" not in shown


def test_what_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text("# Here\n", encoding="utf-8")
    (docs / "lost.md").write_text(
        "[a page](nowhere.md), [a place](index.md#nowhere)\n", encoding="utf-8"
    )
    config = tmp_path / "mkdocs.yml"
    config.write_text(
        f"INHERIT: {TEMPLATE / 'mkdocs.yml'}\ndocs_dir: docs\nhooks: []\nnav: [index.md]\n",
        encoding="utf-8",
    )
    done = build(config, tmp_path / "site")
    assert done.returncode == 1
    for told in ('not included in the "nav"', "'nowhere.md'", "'index.md#nowhere'"):
        assert told in done.stderr
    assert done.stderr.count("WARNING -") == 3


@contextmanager
def serving(site: Path) -> Iterator[str]:
    """Serve the built documentation; where it is."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.slow(20)
def test_every_page_is_shown_without_another_host(built: Path, run: Run) -> None:
    paths = [str(path.relative_to(built).parent) for path in built.rglob("index.html")]

    async def play(street: Street) -> None:
        with serving(built) as address:
            asked: list[str] = []
            place = address.removeprefix("http://")
            async with street.visitor(place) as reader:
                context = reader.page.context
                context.on("request", lambda request: asked.append(request.url))
                windows = asyncio.Semaphore(WINDOWS)

                async def look(path: str) -> None:
                    async with windows, await context.new_page() as page:
                        await page.goto(f"{address}/{path}/", wait_until="networkidle")
                        for scheme, shown in SCHEMES:
                            await page.emulate_media(color_scheme=scheme)
                            body = page.locator(f"body[data-md-color-scheme={shown}]")
                            await expect(body).to_be_visible()
                        broken: list[str] = await page.evaluate(
                            "[...document.images].filter(i => !i.naturalWidth).map(i => i.src)"
                        )
                        assert broken == [], path

                await asyncio.gather(*map(look, paths))
            assert len(asked) > len(paths)
            assert [url for url in asked if not url.startswith(f"{address}/")] == []

    run(play)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.slow(30)
def test_the_tutorial_is_followed_literally(flavour: str, tmp_path: Path, run: Run) -> None:
    port = str(*free_ports(1))
    page = TUTORIAL.read_text(encoding="utf-8")
    for said, here in {PLACE: str(TEMPLATE), ADDRESS: f"127.0.0.1:{port}"}.items():
        assert said in page
        page = page.replace(said, here)

    async def play(street: Street) -> None:
        await Reader(street, tmp_path, {"PORT": port}).follow(read(page, flavour))

    run(play)
