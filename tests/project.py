"""A rendered project, as an object."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TEMPLATE = Path(__file__).parent.parent
CONTEXT = json.loads((TEMPLATE / "cookiecutter.json").read_text())
FLAVOURS: list[str] = CONTEXT["framework"]
LICENSES: list[str] = CONTEXT["license"]

# What would reach from this run into that of a rendered project.
_OURS = ("COV", "DJANGO", "PYTEST", "PYTHON", "UV_PROJECT", "VIRTUAL_ENV")


def clean_environment() -> dict[str, str]:
    """Copy the environment without what belongs to this run."""
    return {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}


def cookiecutter(
    output: Path, *, command: Sequence[str] = (), answers: str | None = None, **given: str
) -> subprocess.CompletedProcess[str]:
    """Run cookiecutter on the template, with `answers` at its prompts or none."""
    program = command or (sys.executable, "-m", "cookiecutter")
    options = [] if answers is not None else ["--no-input"]
    pairs = [f"{key}={value}" for key, value in given.items()]
    return subprocess.run(
        [*program, str(TEMPLATE), "--output-dir", str(output), *options, *pairs],
        input=answers,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@dataclass(frozen=True)
class Project:
    """Where it lies, and what it was rendered with."""

    path: Path
    flavour: str

    @classmethod
    def render(cls, output: Path, flavour: str, **given: str) -> "Project":
        """Render a project into `output`."""
        done = cookiecutter(output, framework=flavour, **given)
        assert done.returncode == 0, done.stderr
        return cls(output / given.get("project_slug", "rooms-service"), flavour)

    @property
    def slug(self) -> str:
        """The name of the distribution and of its command."""
        return self.path.name

    @property
    def package(self) -> Path:
        """The folder of its package."""
        (package,) = (path for path in (self.path / "src").iterdir() if path.suffix == "")
        return package

    @property
    def python(self) -> Path:
        """The interpreter of its environment, once something was run."""
        return self.path / ".venv/bin/python"

    def files(self) -> list[str]:
        """List its files, sorted, without what running it leaves."""
        left = {".git", ".hypothesis", ".venv", "__pycache__", "dist", "uv.lock"}
        paths = (path.relative_to(self.path) for path in self.path.rglob("*") if path.is_file())
        kept = (path for path in paths if not left.intersection(path.parts))
        return sorted(str(path) for path in kept if not re.search(r"_cache|^\.cov", str(path)))

    def run(
        self,
        *command: str,
        environment: Mapping[str, str] | None = None,
        limit: float = 700,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the project, as its owner would; `limit` in seconds."""
        done = subprocess.run(
            command,
            cwd=self.path,
            env={**clean_environment(), **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=limit,
        )
        assert not check or done.returncode == 0, done.stdout[-6_000:] + done.stderr[-3_000:]
        return done

    def copy(self, output: Path) -> "Project":
        """Copy it without its environment, to be changed."""
        ignored = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache", ".hypothesis")
        shutil.copytree(self.path, output / self.slug, ignore=ignored)
        return Project(output / self.slug, self.flavour)
