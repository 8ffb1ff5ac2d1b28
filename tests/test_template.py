"""The template's repository itself."""

import subprocess

import yaml

from .project import TEMPLATE


def run(*command: str) -> None:
    """Run a check on the repository."""
    done = subprocess.run(command, cwd=TEMPLATE, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_formatted_linted_and_typed() -> None:
    run("uv", "run", "ruff", "format", "--check", "--diff", "docs", "hooks", "tests")
    run("uv", "run", "ruff", "check", "docs", "hooks", "tests")
    run("uv", "run", "mypy")


def test_its_configuration_is_well_formed() -> None:
    for name in (".pre-commit-config.yaml", ".github/workflows/test.yml"):
        assert yaml.safe_load((TEMPLATE / name).read_text(encoding="utf-8"))


def test_it_commits_no_lock() -> None:
    listing = ("git", "ls-files")
    done = subprocess.run(listing, cwd=TEMPLATE, capture_output=True, encoding="utf-8", check=True)
    names = done.stdout.splitlines()
    assert not [name for name in names if name.endswith((".lock", "package-lock.json"))]


def test_ci_and_the_readme_run_the_same_tests() -> None:
    assert "uv run pytest\n" in (TEMPLATE / ".ci/run").read_text(encoding="utf-8")
    assert "uv run pytest\n" in (TEMPLATE / "README.md").read_text(encoding="utf-8")
