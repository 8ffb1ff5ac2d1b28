"""The example services: the pages' code passes a project's checks and its own tests."""

import re
import shlex

import pytest

from .pages import DOCS, Page
from .project import Project
from .recipes import WRITE, edits

EXAMPLES = {"roles": "fastapi", "game": "channels", "tokens": "channels", "progress": "fastapi"}
MOST_LINES = 60
_ADD = re.compile(r"(?m)^ {4}uv add (.+)$")


def with_packages(page: Page) -> Project:
    """Install the packages that a page asks for, in an environment of the project's own."""
    asked = _ADD.findall(page.path.read_text(encoding="utf-8"))
    if not asked:
        return page.project
    page.project.know_types()
    project = page.project.alone()
    for packages in asked:
        project.run("uv", "add", *shlex.split(packages))
    return project


@pytest.mark.parametrize(("name", "flavour"), EXAMPLES.items())
@pytest.mark.slow(15)
def test_an_example_passes_the_checks_and_its_own_tests(name: str, project: Project) -> None:
    page = Page(DOCS / f"examples/{name}.md", project)
    project = with_packages(page)
    tests = page.follow()
    project.run(*WRITE)
    project.check()
    project.run("uv", "run", "pytest", "tests/test_handlers.py", "tests/test_written.py", *tests)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_short(name: str) -> None:
    text = (DOCS / f"examples/{name}.md").read_text(encoding="utf-8")
    diffs = re.findall(r"(?ms)^```diff\n(.*?)^```$", text)
    changes = [edit for diff in diffs for edit in edits(diff)]
    assert changes
    assert all(edit.file.startswith("src/your_package/") for edit in changes)
    added = [line for diff in diffs for line in re.findall(r"(?m)^\+(.*\S)", diff)]
    assert len(added) < MOST_LINES


def test_every_example_is_run() -> None:
    assert {path.stem for path in (DOCS / "examples").glob("*.md")} == set(EXAMPLES)
