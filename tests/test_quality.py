"""A rendered project is held to its own checks, as it comes, without a fix-up."""

import io
import re
import tokenize
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from .fleet import PRODUCTION
from .project import FLAVOURS, ONCE, Project, cookiecutter

# Characters that break the quoting of careless templates.
NASTY = (
    """O'Neil "D" \\n \\u00 <script>alert(1)</script> {% if %} Ünï {# 🎉 #} $(id) `id` %s & {{"""
)
LONGEST = "an-unusually-long-name-for-a-rooms-servi"


def test_it_is_formatted_linted_and_typed(project: Project) -> None:
    project.check()


@ONCE
@pytest.mark.slow(20)
@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_it_is_typed_on_other_systems(project: Project, platform: str) -> None:
    project.run("uv", "run", "mypy", "--platform", platform)


@pytest.mark.parametrize("slug", ["ab", LONGEST, "My.Rooms_2"])
def test_it_is_formatted_and_linted_under_any_name(
    slug: str, flavour: str, prepared: Callable[[str], Project], tmp_path: Path
) -> None:
    project = Project.render(tmp_path, flavour, project_slug=slug).borrowing(prepared(flavour))
    project.run("uv", "run", "ruff", "format", "--check", "--diff")
    project.run("uv", "run", "ruff", "check")


def count_code(path: Path) -> int:
    """Count the lines of a file that hold code: no blank ones, comments or docstrings."""
    source = path.read_text(encoding="utf-8")
    lines: set[int] = set()
    start = True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        docstring = token.type == tokenize.STRING and start
        if token.type not in _NO_CODE and not docstring:
            lines.update(range(token.start[0], token.end[0] + 1))
        if token.type not in {tokenize.NL, tokenize.COMMENT}:
            start = token.type in {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    return len(lines)


_NO_CODE = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}


def test_it_stays_small(project: Project) -> None:
    lines = {path: count_code(path) for path in project.package.rglob("*.py")}
    assert sum(lines.values()) < 6_950
    assert max(lines.values()) < 250


def test_the_process_of_a_test_outlives_the_tests_own_limit(project: Project) -> None:
    """Else a test that computes for longer on a busy machine is a crash."""
    pyproject = tomllib.loads((project.path / "pyproject.toml").read_text(encoding="utf-8"))
    options = pyproject["tool"]["pytest"]["ini_options"]
    texts = [path.read_text(encoding="utf-8") for path in (project.path / "tests").rglob("*.py")]
    limits = re.findall(r"mark\.timeout\((\d+)\)", "".join(texts))
    assert max(map(int, limits)) < options["faulthandler_timeout"]


def render_nasty(output: Path, flavour: str) -> Project:
    """Render a project whose texts break the quoting of careless templates."""
    # Typed at the prompts: what is given on the command line, cookiecutter itself renders.
    framework = {"fastapi": "1", "channels": "2"}[flavour]
    answers = [NASTY, "rooms-service", NASTY, NASTY, framework, "1"]
    done = cookiecutter(output, answers="\n".join(answers) + "\n")
    assert done.returncode == 0, done.stderr
    return Project(output / "rooms-service", flavour)


@pytest.mark.slow(15)
def test_any_characters_in_the_answers_are_taken_as_they_are(
    flavour: str, prepared: Callable[[str], Project], tmp_path: Path
) -> None:
    project = render_nasty(tmp_path, flavour).borrowing(prepared(flavour))
    for name in ("README.md", "LICENSE"):
        assert NASTY in (project.path / name).read_text(encoding="utf-8")
    project.check()
    project.run("uv", "run", "pytest", "tests/test_config.py")


@ONCE
@pytest.mark.slow(15)
def test_any_characters_are_served_as_they_are(flavour: str, tmp_path: Path) -> None:
    # In an environment of its own, which has its metadata.
    project = render_nasty(tmp_path, flavour)
    script = "import rooms_service.web.about as about; print(about.SUMMARY)"
    assert project.run("uv", "run", "python", "-c", script).stdout.strip() == NASTY
    project.run("uv", "run", "pytest", "tests/contract/test_page.py")


@pytest.mark.parametrize("flavour", ["channels"])
def test_production_settings_pass_djangos_own_check(project: Project) -> None:
    done = project.run(
        *("uv", "run", "python", "manage.py", "check", "--deploy", "--fail-level", "INFO"),
        environment=PRODUCTION,
    )
    assert "no issues" in done.stdout


@pytest.mark.slow(15)
def test_its_hooks_pass_on_a_fresh_commit(
    project: Project, prepared: Callable[[str], Project]
) -> None:
    project.run("git", "init", "--quiet")
    project.run("git", "add", "--all")
    project.know_types()
    # The search for secrets takes long: what the flavours share is searched with the first one.
    first = prepared(FLAVOURS[0])
    own = ["--files", *project.files_unlike(first)]
    which = ["--all-files"] if project.flavour == first.flavour else own
    done = project.run("uv", "run", "pre-commit", "run", *which)
    assert done.stdout.count("Passed") == 5, done.stdout


def test_it_builds_without_a_warning(project: Project) -> None:
    done = project.run("uv", "build", "--wheel", "--out-dir", "dist")
    assert "warning" not in done.stderr.lower()
    assert list((project.path / "dist").glob("*.whl"))
