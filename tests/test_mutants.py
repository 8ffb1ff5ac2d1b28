"""The proof of the tests: a generated service that is broken fails its own tests, and soon."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .mutants import MUTANTS, Mutant
from .project import Project

LIMIT_SECONDS = 60
CASES = [
    pytest.param(mutant, flavour, id=f"{flavour}: {mutant.name}")
    for mutant in MUTANTS
    for flavour in mutant.flavours
]


def run_tests(project: Project, python: Path, file: str) -> tuple[int, str]:
    """Run a file of a changed copy's tests up to the first failure, on the original's Python."""
    done = project.run(
        str(python),
        *("-m", "pytest", "--exitfirst", "-p", "no:cacheprovider", f"tests/{file}"),
        environment={"PYTHONPATH": str(project.path / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        limit=LIMIT_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(("mutant", "flavour"), CASES)
def test_a_broken_service_fails_its_own_tests(
    mutant: Mutant, flavour: str, prepared: Callable[[str], Project], tmp_path: Path
) -> None:
    original = prepared(flavour)
    broken = original.copy(tmp_path)
    mutant.apply(broken.package)
    code, printed = run_tests(broken, original.python, mutant.caught_by)
    assert code == 1, f"not one test failed:\n{printed[-3_000:]}"
    # An assertion, or a wait that says what it waited for; no hang that had to be broken off.
    assert re.search(r"^E +(AssertionError|assert |Failed: |.*Denied: )", printed, re.MULTILINE), (
        printed
    )
    assert "from pytest-timeout" not in printed, f"it hung:\n{printed[-6_000:]}"
