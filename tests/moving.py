"""The template's repository as it moves on, and projects that follow it by cruft."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from .project import CONTEXT, FORMAT, TEMPLATE, Project, clean_environment

RENDERED = ["cookiecutter.json", "hooks", "{{cookiecutter.project_slug}}"]
_GIT = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in {"NAME": "The Testers", "EMAIL": "testers@example.org"}.items()
} | {
    # As Git for Windows is set up: the line ends of projects must not depend on it.
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "core.autocrlf",
    "GIT_CONFIG_VALUE_0": "true",
}


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder; what it printed."""
    return _run(folder, "git", *arguments)


class Moving:
    """A clone of the template with its history; the newest commit is what is here now."""

    def __init__(self, path: Path) -> None:
        self.path = path
        git(TEMPLATE, "clone", "--quiet", str(TEMPLATE), str(path))
        listed = git(TEMPLATE, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        for one in path.iterdir():
            if one.name != ".git":
                shutil.rmtree(one) if one.is_dir() else one.unlink()
        for name in filter(None, listed.split("\0")):
            if (TEMPLATE / name).is_file():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(TEMPLATE / name, path / name)
        commit(path, "Now")

    def earlier(self) -> str:
        """Find what projects may have been made with: the last release, else the last change.

        In a clone without history that is no more than what is here.
        """
        ours = f"v{CONTEXT['_version']}"
        tags = git(self.path, "tag", "--list", "v*", "--sort=-v:refname").split()
        for tag in tags:
            if tag != ours:
                return tag
        changes = git(self.path, "log", "-2", "--format=%H", "--", *RENDERED).split()
        return changes[-1]

    def neighbour(self) -> str:
        """Find what may run beside this commit, on the same data: the first with this format."""
        options = ("--reverse", "--format=%H", f"-G^FORMAT = {FORMAT}$")
        return git(self.path, "log", *options, "--", *RENDERED).split()[0]


def commit(folder: Path, message: str) -> None:
    """Commit all that is in a repository, changed or not."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)


def create(template: Path, output: Path, flavour: str, revision: str = "HEAD") -> Project:
    """Create a project as of a revision, and commit it."""
    at = git(template, "rev-parse", f"{revision}^{{commit}}").strip()
    answers = json.dumps({"framework": flavour})
    options = ["--no-input", "--output-dir", str(output), "--extra-context", answers]
    output.mkdir()
    _run(output, sys.executable, "-m", "cruft", "create", str(template), "--checkout", at, *options)
    project = Project(output / "rooms-service", flavour)
    commit(project.path, "As it came")
    return project


def update(project: Project) -> None:
    """Take over what is new in the template; fail on anything that has to be done by hand."""
    printed = _run(project.path, sys.executable, "-m", "cruft", "update", "--skip-apply-ask")
    assert "Good work!" in printed, printed
    assert not list(project.path.rglob("*.rej")), printed
    assert not git(project.path, "ls-files", "--unmerged"), printed


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**clean_environment(), **_GIT},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}"
    return done.stdout
