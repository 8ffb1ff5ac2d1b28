"""The proof of the tests: a generated service that is broken fails its own tests, and soon."""

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from .forks import Runner
from .mutants import MUTANTS, closes
from .mutants.mutant import Mutant
from .mutating import TextReplacement
from .project import FLAVOURS, SHARED_TESTS, Project, clean_environment

LIMIT_SECONDS = 60
# Beside a load as large as this run it takes ten minutes.
WHOLE_LIMIT_SECONDS = 1_400
# A broken service often leaves a test waiting: a shorter limit makes this file twice as fast.
SHORTER_LIMIT = TextReplacement("waiting.py", "\nLIMIT_SECONDS = 10.0\n", "\nLIMIT_SECONDS = 2.0\n")


def marks(mutant: Mutant, flavour: str) -> tuple[pytest.MarkDecorator, ...]:
    """Mark all as slow but the closes of the first flavour, for a quick answer."""
    return () if flavour == FLAVOURS[0] and mutant in closes.MUTANTS else (pytest.mark.slow(3),)


CASES = [
    pytest.param(mutant, flavour, id=f"{flavour}: {mutant.name}", marks=marks(mutant, flavour))
    # So that two processes of xdist have a flavour each at first.
    for flavour in FLAVOURS
    for mutant in MUTANTS
    if flavour in mutant.tried_with
]

Bench = tuple[Project, Runner]


@pytest.fixture(scope="session")
def bench(
    prepared: Callable[[str], Project], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Bench]]:
    """Copy a flavour's project for its tests to wait less, and start its warm process, once."""
    with ExitStack() as stack:

        @cache
        def make(flavour: str) -> Bench:
            original = prepared(flavour)
            project = original.copy(tmp_path_factory.mktemp(flavour))
            SHORTER_LIMIT.apply(project.path / "tests")
            runner = Runner(project.path, original.python, clean_environment())
            stack.callback(runner.stop)
            return project, runner

        yield make


def copy_package(project: Project, output: Path) -> Project:
    """Link to a project's files, so that changes of its package can replace single links."""
    folder = output / project.slug
    folder.mkdir()
    for path in project.path.iterdir():
        if path.name == "src":
            shutil.copytree(path, folder / "src", copy_function=os.link)
        else:
            (folder / path.name).symlink_to(path)
    return Project(folder, project.flavour)


@pytest.mark.slow(120)
def test_a_service_that_is_not_broken_passes_all_tests_and_they_take_every_branch(
    project: Project, bench: Callable[[str], Bench]
) -> None:
    _, runner = bench(project.flavour)
    left_out: Sequence[str] = ()
    if project.flavour != FLAVOURS[0]:
        # What the flavours share is tested, and measured, with the first one.
        left_out = SHARED_TESTS
        settings = project.path / "pyproject.toml"
        text = settings.read_text(encoding="utf-8")
        before, table, after = text.partition("[tool.coverage.run]\n")
        assert table
        # Processes that the tests start elsewhere take it too.
        omitted = 'omit = ["*/rooms_service/rooms/*", "*/rooms_service/server/*"]\n'
        settings.write_text(before + table + omitted + after, encoding="utf-8")
    options = ["--cov", "--cov-report=", *(f"--ignore={folder}" for folder in left_out)]
    code, printed = runner.run(project.path, ["tests", *options], WHOLE_LIMIT_SECONDS)
    assert code == 0, printed[-6_000:]
    # Before 3.12 Python traces no more of a coroutine into which an error was thrown.
    least = 100 if max(project.pythons())[0] >= (3, 12) else 95
    project.run(str(project.python), "-m", "coverage", "report", f"--fail-under={least}")


@pytest.mark.parametrize(("mutant", "flavour"), CASES)
def test_a_broken_service_fails_its_own_tests(
    mutant: Mutant, flavour: str, bench: Callable[[str], Bench], tmp_path: Path
) -> None:
    original, runner = bench(flavour)
    broken = copy_package(original, tmp_path)
    mutant.apply(broken.package)
    tests = [f"tests/{mutant.caught_by}"]
    code, printed = runner.run(broken.path, tests, LIMIT_SECONDS, **only(mutant.caught_by_script))
    assert code == 1, f"not one test failed:\n{printed[-3_000:]}"
    # An assertion, or a wait that says what it waited for; no hang that had to be broken off.
    assert re.search(r"^E +(AssertionError|assert |Failed: |.*Denied: )", printed, re.MULTILINE), (
        printed
    )
    assert "from pytest-timeout" not in printed, f"it hung:\n{printed[-6_000:]}"


def only(scripts: str) -> dict[str, str]:
    """Restrict Node.js to the tests whose name matches, by the environment."""
    return {"NODE_OPTIONS": f"--test-name-pattern={scripts}"} if scripts else {}
