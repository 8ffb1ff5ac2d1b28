"""Rendered projects for the tests, and the rule about what is missing."""

import os
from collections.abc import Callable

import pytest
from filelock import FileLock

from .project import FLAVOURS, Project


@pytest.fixture(params=FLAVOURS)
def flavour(request: pytest.FixtureRequest) -> str:
    """Each flavour in turn, as `cookiecutter.json` lists them."""
    name: str = request.param
    return name


@pytest.fixture
def project(flavour: str, prepared: Callable[[str], Project]) -> Project:
    """A rendered project with its environment; not to be changed."""
    return prepared(flavour)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Project]:
    """Render a flavour and make its environment, once in all of this run's processes."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def prepare(flavour: str) -> Project:
        output = shared / f"rendered-{flavour}"
        with FileLock(shared / f"{flavour}.lock"):
            if not (output / "ready").exists():
                project = Project.render(output, flavour)
                project.run("uv", "sync")
                (output / "ready").touch()
        return Project(output / "rooms-service", flavour)

    return prepare


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in CI that skipped a test: there all is to be installed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
