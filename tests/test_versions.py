"""The oldest and the newest of what the template and its projects run with."""

from pathlib import Path

import pytest

from .project import FLAVOURS, SHARED_TESTS, Project, cookiecutter


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
    _, python = min(project.pythons())
    project.run("uv", "sync", "--python", python, "--resolution", "lowest-direct")
    # Node.js has no part in it.
    run_tests(project, "--ignore=tests/client")


@pytest.mark.slow(120)
def test_it_works_with_the_newest_python_and_libraries_and_all_of_it_is_tested(
    project: Project,
) -> None:
    """Run the tests in the environment that all tests share; mypy has a test of its own there."""
    version, _ = max(project.pythons())
    # Before 3.12 Python traces no more of a coroutine into which an error was thrown.
    least = 100 if version >= (3, 12) else 95
    if project.flavour != FLAVOURS[0]:
        # What the shared tests are about is measured with the first flavour.
        settings = project.path / "pyproject.toml"
        text = settings.read_text(encoding="utf-8")
        before, table, after = text.partition("[tool.coverage.run]\n")
        assert table
        # Processes that the tests start elsewhere take it too.
        omitted = 'omit = ["*/rooms_service/rooms/*", "*/rooms_service/server/*"]\n'
        settings.write_text(before + table + omitted + after, encoding="utf-8")
    run_tests(project, "--cov", "--cov-report=")
    project.run(str(project.python), "-m", "coverage", "report", f"--fail-under={least}")


def run_tests(project: Project, *options: str) -> None:
    """Run all tests of the first flavour, and of another those that are not shared."""
    left_out = SHARED_TESTS if project.flavour != FLAVOURS[0] else ()
    options = (*options, *(f"--ignore={folder}" for folder in left_out))
    project.run(str(project.python), "-m", "pytest", "--exitfirst", *options)
