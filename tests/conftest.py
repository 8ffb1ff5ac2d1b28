"""Rendered projects for the tests, and the rule about what is missing."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from .project import FLAVOURS, Project
from .stage import Site
from .visitors import find_chromium


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the run replace what it can make."""
    parser.addoption("--picture", action="store_true", help="replace the READMEs' picture")


@pytest.fixture(params=FLAVOURS)
def flavour(request: pytest.FixtureRequest) -> str:
    """Each flavour in turn, as `cookiecutter.json` lists them."""
    name: str = request.param
    return name


@pytest.fixture
def project(flavour: str, prepared: Callable[[str], Project]) -> Project:
    """A rendered project with its environment; not to be changed."""
    return prepared(flavour)


@pytest.fixture
def site(project: Project, tmp_path: Path) -> Site:
    """Where the page is."""
    find_chromium()
    return Site(project.copy(tmp_path), project.python)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all of this run's processes have."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def prepared(shared: Path) -> Callable[[str], Project]:
    """Render a flavour and make its environment, once in all of this run's processes."""

    def prepare(flavour: str) -> Project:
        output = shared / f"rendered-{flavour}"
        with FileLock(shared / f"{flavour}.lock"):
            if not (output / "ready").exists():
                project = Project.render(output, flavour)
                project.run("uv", "sync")
                (output / "ready").touch()
        return Project(output / "rooms-service", flavour)

    return prepare


@pytest.fixture(scope="session")
def node_modules(shared: Path) -> Path:
    """Node.js's packages of `tests/node`, installed once in all of this run's processes."""
    folder = shared / "node"
    with FileLock(shared / "node.lock"):
        if not (folder / "ready").exists():
            shutil.copytree(Path(__file__).parent / "node", folder, dirs_exist_ok=True)
            options = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
            done = subprocess.run(
                ["npm", "install", *options],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
            assert done.returncode == 0, done.stderr
            (folder / "ready").touch()
    return folder / "node_modules"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in CI that skipped a test: there all is to be installed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
