"""An owner's changes take one to three files of the owner's, and the project's checks hold them."""

from .project import ONCE, Project
from .recipes import WRITE, Recipe, make_all

OWN = {f"{name}.py" for name in ("api", "config", "handlers", "identity", "service")} | {
    # Of the app that only a Django project has.
    "models.py",
    "0001_initial.py",
}
OWN_TESTS = {f"tests/test_{name}.py" for name in ("api", "handlers", "identity")}
TITLES = [
    "A request and its answer",
    "A close reason",
    "A setting",
    "An HTTP call",
    "A rule who may enter",
    "A rule who may speak",
    "What happens when somebody comes and goes",
    "A task that a second frame cancels",
    "Tell one user from a job",
    "A bot that answers",
    "Your own users",
    "Rooms that need no making",
]
FURTHER_TITLES = {"fastapi": [], "channels": ["A database write before a message is kept"]}


def test_what_the_page_shows_is_written_into_what_tells_of_the_code(project: Project) -> None:
    # What it then passes: all checks in `test_kept.py`, all tests in `test_versions.py`.
    make_all(project)
    page = (project.path / "docs/own.md").read_text(encoding="utf-8")
    for told in ("`ADVERTISING` | 4422", "`LONGEST_TEXT`", "`start-countdown` | `seconds`"):
        assert told in page
    example = (project.path / ".env.own.example").read_text(encoding="utf-8")
    assert "#LONGEST_TEXT=2000\n" in example


def test_each_change_takes_one_to_three_own_files_and_a_test(project: Project) -> None:
    recipes = Recipe.read(project)
    assert [recipe.title for recipe in recipes] == TITLES + FURTHER_TITLES[project.flavour]
    for recipe in recipes:
        source = {file.rpartition("/")[2] for file in recipe.files("src/")}
        assert 1 <= len(source) <= 3
        assert source <= OWN
        assert len(recipe.files("tests/")) == 1
        assert recipe.files("tests/") <= OWN_TESTS
        assert recipe.files("") == recipe.files("src/") | recipe.files("tests/")


@ONCE
def test_what_is_not_written_anew_is_noticed(project: Project) -> None:
    for recipe in Recipe.read(project):
        for edit in recipe.edits:
            edit.make(project)
    done = project.run("uv", "run", "pytest", "tests/test_written.py", check=False)
    assert done.returncode == 1
    for name in ("own.md", ".env.own.example", "own.js", "own.d.ts"):
        assert f"FAILED tests/test_written.py::test_a_file_tells_what_the_code_has[{name}]" in (
            done.stdout
        )
    assert f"run `{' '.join(WRITE)}`" in done.stdout
