"""What the template asks, and what it refuses."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from .project import CONTEXT, Project, clean_environment, cookiecutter

REFUSED = [
    ({"project_name": " "}, "project_name"),
    ({"project_slug": "3d-chat"}, "project_slug"),
    ({"project_slug": "-chat"}, "project_slug"),
    ({"project_slug": "chat-"}, "project_slug"),
    ({"project_slug": "my chat"}, "project_slug"),
    ({"project_slug": "größe"}, "project_slug"),
    ({"project_slug": "x" * 41}, "project_slug"),
    ({"project_slug": "class"}, "keyword"),
    ({"project_slug": "Import"}, "keyword"),
    ({"project_slug": "json"}, "standard library"),
    ({"project_slug": "asyncio"}, "standard library"),
    ({"project_slug": "fastapi"}, "depends on"),
    ({"project_slug": "PyJWT"}, "depends on"),
    ({"project_slug": "pydantic-settings"}, "depends on"),
    ({"project_slug": "channels.redis"}, "depends on"),
    ({"project_slug": "con"}, "Windows reserves"),
    ({"project_slug": "Aux"}, "Windows reserves"),
    ({"project_slug": "com1.chat"}, "Windows reserves"),
    ({"project_slug": "tests"}, "of the project"),
    ({"project_slug": "scripts"}, "of the project"),
    ({"project_name": "two\nlines"}, "control"),
    ({"description": "a\tb"}, "control"),
    ({"author_name": "a\x1bb"}, "control"),
    ({"author_name": "a\x7fb"}, "control"),
    ({"description": "a\u2028b"}, "control"),
]


@pytest.mark.parametrize(("answers", "named"), REFUSED)
def test_a_bad_answer_is_refused_in_one_line_and_leaves_nothing(
    answers: dict[str, str], named: str, tmp_path: Path
) -> None:
    given = {"project_slug": "good", **answers}
    done = cookiecutter(tmp_path, **given)
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if "for example" in line]
    assert len(said) == 1
    assert said[0].startswith(next(iter(answers)))
    assert named in said[0]
    # Cookiecutter adds a traceback of its own; ours is not in it.
    assert "pre_gen_project.py" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_choice_that_is_none_is_refused(tmp_path: Path) -> None:
    done = cookiecutter(tmp_path, framework="flask")
    assert done.returncode != 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Rooms Service", "rooms-service"), ("Größe!", "grosse"), ("🎉", "rooms-service")],
)
def test_the_slug_is_derived_from_the_name(name: str, slug: str, tmp_path: Path) -> None:
    Project.render(tmp_path, "fastapi", project_name=name)
    assert [path.name for path in tmp_path.iterdir()] == [slug]


@pytest.mark.parametrize("output", [".", "other place"])
@pytest.mark.parametrize("command", ["exec", "exec env -u PWD"], ids=["told", "not-told"])
def test_the_first_printed_step_leads_into_the_project(
    command: str, output: str, tmp_path: Path
) -> None:
    """The shell may not tell the hook where it is, as none does on Windows."""
    template = Path(__file__).parent.parent
    generate = (sys.executable, "-m", "cookiecutter", str(template), "--no-input", "--output-dir")
    printed = shell(tmp_path, f"{command} {shlex.join((*generate, output))}")
    step = printed.partition("Next:\n\n")[2].splitlines()[0]
    folder = shell(tmp_path, f"{step} && pwd").strip()
    assert folder == str(tmp_path / output / "rooms-service")


def shell(folder: Path, command: str) -> str:
    """Run a command of a shell in a folder, and return what it prints."""
    done = subprocess.run(
        ("sh", "-c", f"cd {shlex.quote(str(folder))} && {command}"),
        env=clean_environment(),
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=120,
    )
    return done.stdout


def test_no_dependency_may_be_the_projects_name(project: Project) -> None:
    """The hook can read no environment, so its list is held against a real one."""
    script = (
        "from importlib.metadata import distributions, packages_distributions as packages\n"
        "print(*packages(), *(one.metadata['Name'] for one in distributions()))"
    )
    installed = project.run(str(project.python), "-c", script).stdout.split()
    hook = (Path(__file__).parent.parent / "hooks/pre_gen_project.py").read_text(encoding="utf-8")
    listed = set(hook.partition("DEPENDENCIES = set(")[2].partition(".split()")[0].split())
    names = {re.sub(r"[-_.]+", "_", name).lower() for name in installed}
    others = {name for name in names if name.endswith(("_mypyc", "_stubs"))}
    assert names - others - listed - {project.package.name, "__pycache__"} == set()


def test_every_question_is_worded_and_every_choice_labelled() -> None:
    questions = {key for key in CONTEXT if not key.startswith("_")}
    prompts = CONTEXT["__prompts__"]
    assert prompts.keys() == questions
    for key in ("framework", "license"):
        assert prompts[key].keys() == {"__prompt__", *CONTEXT[key]}
    for prompt in prompts.values():
        words = [prompt] if isinstance(prompt, str) else prompt.values()
        # The prompt takes what stands in brackets for markup, and drops it.
        assert not any("[" in word for word in words)
