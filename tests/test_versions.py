"""The oldest and the newest of what the template and its projects run with."""

import json
from pathlib import Path

import pytest

from .project import Project, cookiecutter


@pytest.mark.parametrize("version", ["cookiecutter==2.7.0", "cookiecutter@latest"])
def test_it_renders_with_the_oldest_and_the_newest_cookiecutter(
    version: str, flavour: str, project: Project, tmp_path: Path
) -> None:
    done = cookiecutter(tmp_path, command=("uvx", version), framework=flavour)
    assert done.returncode == 0, done.stderr
    rendered = Project(tmp_path / "rooms-service", flavour)
    assert rendered.files() == project.files()
    assert f"    cd {rendered.path}\n    uv run {rendered.slug} " in done.stdout


def test_it_works_with_the_oldest_libraries_that_it_allows(flavour: str, tmp_path: Path) -> None:
    project = Project.render(tmp_path, flavour)
    project.run("uv", "sync", "--resolution", "lowest-direct")
    project.run(str(project.python), "-m", "pytest", "--exitfirst")


def test_it_works_on_the_newest_python_here_and_all_of_it_is_tested(
    flavour: str, tmp_path: Path
) -> None:
    project = Project.render(tmp_path, flavour)
    version, python = newest_python(project)
    project.run("uv", "sync", "--python", python)
    # Before 3.12 Python traces no more of a coroutine into which an error was thrown.
    least = 100 if version >= (3, 12) else 95
    options = ("--cov", "--cov-report=term-missing", f"--cov-fail-under={least}")
    project.run(str(project.python), "-m", "pytest", "--exitfirst", *options)
    project.run("uv", "run", "mypy")


def newest_python(project: Project) -> tuple[tuple[int, int], str]:
    """Find the newest released interpreter that uv or pyenv has on this machine."""
    listing = ("uv", "python", "list", "--only-installed", "--output-format", "json")
    found: dict[tuple[int, int], str] = {
        (one["version_parts"]["major"], one["version_parts"]["minor"]): one["path"]
        for one in json.loads(project.run(*listing).stdout)
        if one["implementation"] == "cpython" and one["version"].replace(".", "").isdigit()
    }
    for path in Path.home().glob(".pyenv/versions/3.*/bin/python"):
        major, minor, _ = path.parent.parent.name.split(".")
        found[int(major), int(minor)] = str(path)
    return max(found.items())
