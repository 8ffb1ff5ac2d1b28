"""An owner's changes take one or two files each, and the project's checks hold them together."""

from collections.abc import Callable
from pathlib import Path

from .project import Project
from .recipes import Recipe, make_all

TITLES = [
    "A message type",
    "A message that is not kept",
    "A close reason",
    "A setting",
    "An HTTP call",
]


def test_what_the_page_shows_can_be_done(project: Project, tmp_path: Path) -> None:
    changed = project.copy(tmp_path)
    recipes = make_all(changed)
    changed.run("uv", "run", "ruff", "format", "--check", "--diff")
    changed.run("uv", "run", "ruff", "check")
    changed.run("uv", "run", "mypy")
    touched = set().union(*(recipe.files("tests/") for recipe in recipes))
    further = ["tests/contract/test_page.py", "tests/rooms", "tests/test_config.py"]
    changed.run("uv", "run", "pytest", "tests/test_written.py", *sorted(touched), *further)
    for told in ("`ADVERTISING` | 4422", "`MUTED_ROOMS`"):
        assert told in (changed.path / "README.md").read_text()
    assert "#MUTED_ROOMS=\n" in (changed.path / ".env.example").read_text()


def test_each_change_takes_one_or_two_files_and_a_test(project: Project) -> None:
    recipes = Recipe.read(project)
    assert [recipe.title for recipe in recipes] == TITLES
    for recipe in recipes:
        assert 1 <= len(recipe.files("src/")) <= 2
        assert len(recipe.files("tests/")) == 1
        assert recipe.files("") == recipe.files("src/") | recipe.files("tests/")


def test_what_is_not_written_anew_is_noticed(
    prepared: Callable[[str], Project], tmp_path: Path
) -> None:
    changed = prepared("fastapi").copy(tmp_path)
    for recipe in Recipe.read(changed):
        for edit in recipe.edits:
            edit.make(changed)
    done = changed.run("uv", "run", "pytest", "tests/test_written.py", check=False)
    assert done.returncode == 1
    for name in ("README.md", ".env.example", "closes.js"):
        assert f"FAILED tests/test_written.py::test_a_file_tells_what_the_code_has[{name}]" in (
            done.stdout
        )
    assert "run `uv run python -m tests.written`" in done.stdout
