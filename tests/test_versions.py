"""The oldest and the newest of what the template and its projects run with."""

import json
import tomllib
from pathlib import Path

import pytest

from .project import Project, cookiecutter

# Tests that start many processes compile all libraries in each, unless that is done before.
COMPILED = {"UV_COMPILE_BYTECODE": "1"}


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
def test_it_works_with_the_oldest_python_and_libraries_that_it_allows(
    flavour: str, tmp_path: Path
) -> None:
    project = Project.render(tmp_path, flavour)
    _, python = min(pythons(project))
    project.run(
        "uv", "sync", "--python", python, "--resolution", "lowest-direct", environment=COMPILED
    )
    project.run(str(project.python), "-m", "pytest", "--exitfirst")


@pytest.mark.slow(120)
def test_it_works_with_the_newest_python_and_libraries_and_all_of_it_is_tested(
    flavour: str, tmp_path: Path
) -> None:
    project = Project.render(tmp_path, flavour)
    version, python = max(pythons(project))
    # Before 3.12 Python traces no more of a coroutine into which an error was thrown.
    least = 100 if version >= (3, 12) else 95
    options = ("--cov", "--cov-report=term-missing", f"--cov-fail-under={least}")
    settings = {"UV_PYTHON": python, **COMPILED}
    project.run("uv", "run", "pytest", "--exitfirst", *options, environment=settings)
    project.run("uv", "run", "mypy", environment=settings)


def pythons(project: Project) -> list[tuple[tuple[int, ...], str]]:
    """Find the released interpreters of uv and pyenv that the project may run with."""
    listing = ("uv", "python", "list", "--only-installed", "--output-format", "json")
    found: dict[tuple[int, ...], str] = {
        (one["version_parts"]["major"], one["version_parts"]["minor"]): one["path"]
        for one in json.loads(project.run(*listing).stdout)
        if one["implementation"] == "cpython" and one["version"].replace(".", "").isdigit()
    }
    for path in Path.home().glob(".pyenv/versions/3.*/bin/python"):
        major, minor, _ = path.parent.parent.name.split(".")
        found[int(major), int(minor)] = str(path)
    metadata = tomllib.loads((project.path / "pyproject.toml").read_text(encoding="utf-8"))
    least = metadata["project"]["requires-python"].removeprefix(">=")
    oldest = tuple(map(int, least.split(".")))
    return [(version, path) for version, path in found.items() if version >= oldest]
