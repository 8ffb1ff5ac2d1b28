"""An owner's changes take one to three files each, and the project's checks hold them together."""

import pytest

from .project import FLAVOURS, ONCE, Project
from .recipes import WRITE, Recipe, make_all

TITLES = [
    "A message type",
    "A message that is not kept",
    "A close reason",
    "A setting",
    "An HTTP call",
]


@pytest.mark.slow(50)
def test_what_the_page_shows_can_be_done(project: Project) -> None:
    recipes = make_all(project)
    project.check()
    touched = set().union(*(recipe.files("tests/") for recipe in recipes))
    further = ["tests/contract/test_page.py", "tests/test_config.py"]
    if project.flavour == FLAVOURS[0]:
        # They are the same in all flavours, and so is what the page changes in the engine.
        further.append("tests/rooms")
    project.run("uv", "run", "pytest", "tests/test_written.py", *sorted(touched), *further)
    for told in ("`ADVERTISING` | 4422", "`MUTED_ROOMS`"):
        assert told in (project.path / "README.md").read_text(encoding="utf-8")
    assert "#MUTED_ROOMS=\n" in (project.path / ".env.example").read_text(encoding="utf-8")


def test_each_change_takes_one_to_three_files_and_a_test(project: Project) -> None:
    recipes = Recipe.read(project)
    assert [recipe.title for recipe in recipes] == TITLES
    for recipe in recipes:
        assert 1 <= len(recipe.files("src/")) <= 3
        assert len(recipe.files("tests/")) == 1
        assert recipe.files("") == recipe.files("src/") | recipe.files("tests/")


@ONCE
def test_what_is_not_written_anew_is_noticed(project: Project) -> None:
    for recipe in Recipe.read(project):
        for edit in recipe.edits:
            edit.make(project)
    done = project.run("uv", "run", "pytest", "tests/test_written.py", check=False)
    assert done.returncode == 1
    for name in ("README.md", ".env.example", "closes.js"):
        assert f"FAILED tests/test_written.py::test_a_file_tells_what_the_code_has[{name}]" in (
            done.stdout
        )
    assert f"run `{' '.join(WRITE)}`" in done.stdout
