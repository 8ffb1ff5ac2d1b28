"""The oldest and the newest of what the template and its projects run with."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .project import FLAVOURS, SHARED_TESTS, Project, cookiecutter
from .recipes import make_all


@pytest.mark.parametrize("version", ["cookiecutter==2.7.0", "cookiecutter@latest"])
def test_it_renders_with_the_oldest_and_the_newest_cookiecutter(
    version: str, flavour: str, project: Project, tmp_path: Path
) -> None:
    done = cookiecutter(tmp_path, command=("uvx", version), framework=flavour)
    assert done.returncode == 0, done.stderr
    rendered = Project(tmp_path / "rooms-service", flavour)
    assert rendered.files() == project.files()
    assert f"    cd {rendered.path}\n    uv run {rendered.slug} " in done.stdout


@pytest.mark.slow(100)
def test_the_oldest_python_and_libraries_do_for_a_service_that_was_changed(
    flavour: str, prepared: Callable[[str], Project], tmp_path: Path
) -> None:
    """Change it as `docs/changing.md` shows: that breaks none of its tests either."""
    project = Project.render(tmp_path, flavour)
    make_all(project.borrowing(prepared(flavour)))
    _, python = min(project.pythons())
    project.run("uv", "sync", "--python", python, "--resolution", "lowest-direct")
    # Node.js has no part in it. What the flavours share is tested with the first one.
    left_out = SHARED_TESTS if flavour != FLAVOURS[0] else ("tests/client",)
    ignored = [f"--ignore={folder}" for folder in left_out]
    project.run(str(project.python), "-m", "pytest", "--exitfirst", *ignored)
