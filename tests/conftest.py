"""Rendered projects for the tests, and what a run must not do: skip tests, leave things behind."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from . import processes
from .leftovers import Leftovers, write_listing
from .project import FLAVOURS, Project
from .redis_server import RedisServer, find_program
from .skips import unexpected
from .stage import Run, Site, open_street
from .visitors import find_chromium

LEFTOVERS = pytest.StashKey[Leftovers]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the run replace what it can make."""
    parser.addoption("--picture", action="store_true", help="replace the READMEs' picture")
    parser.addoption("--clients-table", action="store_true", help="rewrite what clients see")


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a folder for all that it writes, also for its workers and what they start."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        config.stash[LEFTOVERS] = Leftovers.start()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with what takes longest, so that no worker is left alone with it in the end."""

    def seconds(item: pytest.Item) -> float:
        slow = item.get_closest_marker("slow")
        return float(slow.args[0]) if slow else 0

    items.sort(key=seconds, reverse=True)


@pytest.fixture(params=FLAVOURS)
def flavour(request: pytest.FixtureRequest) -> str:
    """Each flavour in turn, as `cookiecutter.json` lists them."""
    name: str = request.param
    return name


@pytest.fixture
def project(flavour: str, prepared: Callable[[str], Project], tmp_path: Path) -> Project:
    """A rendered project of the test's own, in an environment that all tests share."""
    # There it is removed after the test: hundreds take half a minute in the end.
    return prepared(flavour).copy(tmp_path / "project")


@pytest.fixture
def site(project: Project) -> Site:
    """Where the page is."""
    return Site(project)


@pytest.fixture(scope="session")
def run() -> Iterator[Run]:
    """Run what visitors do, in one browser for all tests of this process."""
    find_chromium()
    with open_street() as run_:
        yield run_


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own that is not yet started."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(find_program(), folder)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def shared() -> Path:
    """A folder that all of this run's processes have."""
    return Path(os.environ["TMPDIR"]) / "shared"


@pytest.fixture(scope="session")
def prepared(shared: Path) -> Callable[[str], Project]:
    """Render a flavour and make its environment, once in all of this run's processes.

    Its environment has the newest Python and libraries. It is only to be read and copied: the end
    of the run fails if a file of it has changed.
    """

    def prepare(flavour: str) -> Project:
        project = Project(shared / flavour / "rooms-service", flavour)
        ready = project.path.with_suffix(".ready")
        with FileLock(shared / f"{flavour}.lock"):
            if not ready.exists():
                Project.render(project.path.parent, flavour)
                _, python = max(project.pythons())
                project.run("uv", "sync", "--python", python)
                # Once, for all copies.
                project.run(str(project.python), "-m", "compileall", "-q", "src", "tests")
                write_listing(project.path, ready)
        return project

    return prepare


@pytest.fixture(scope="session")
def node_modules(shared: Path) -> Path:
    """Node.js's packages of `tests/node`, installed once in all of this run's processes."""
    folder = shared / "node"
    with FileLock(shared / "node.lock"):
        if not (folder / "installed").exists():
            shutil.copytree(Path(__file__).parent / "node", folder, dirs_exist_ok=True)
            options = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
            done = subprocess.run(
                ["npm", "install", *options],
                cwd=folder,
                capture_output=True,
                encoding="utf-8",
                check=False,
                timeout=300,
            )
            assert done.returncode == 0, done.stderr
            (folder / "installed").touch()
    return folder / "node_modules"


@pytest.fixture(scope="session", autouse=True)
def _no_port_is_left() -> Iterator[None]:
    yield
    assert processes.ports(os.getpid()) == [], "a test left a port of its own open"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that left something behind, or in CI skipped what has to run there."""
    leftovers = session.config.stash.get(LEFTOVERS, None)
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if leftovers is None or reporter is None:
        return
    problems = leftovers.find()
    if os.environ.get("CI"):
        problems += unexpected(reporter.stats.get("skipped", []))
    if problems:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        report = pytest.TestReport(
            "the run", ("", None, "the run"), {}, "failed", "\n".join(problems), "teardown"
        )
        reporter.stats.setdefault("error", []).append(report)
    leftovers.end(keep=session.exitstatus != pytest.ExitCode.OK)
