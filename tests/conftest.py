"""Rendered projects for the tests, and the rule about what is missing."""

import os
import shutil
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


@pytest.fixture(autouse=True)
def components(request: pytest.FixtureRequest) -> None:
    """Skip a test whose component is missing; in CI that is a failure."""
    for mark in request.node.iter_markers("needs"):
        component, install = mark.args
        if shutil.which(component):
            continue
        reason = f"{component} is missing: {install}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
