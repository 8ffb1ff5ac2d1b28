"""A rendered project, as an object."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pytest
from filelock import FileLock

TEMPLATE = Path(__file__).parent.parent
CONTEXT = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
FLAVOURS: list[str] = CONTEXT["framework"]
LICENSES: list[str] = CONTEXT["license"]
# For tests of what all flavours have to the byte: they run with the first one.
ONCE = pytest.mark.parametrize("flavour", FLAVOURS[:1])
# The tests of such parts: of the engine, of the client, and of what the server does by itself.
SHARED_TESTS = (
    "tests/client",
    "tests/rooms",
    "tests/contract/test_floods.py",
    "tests/contract/test_heads.py",
    "tests/contract/test_log_pipe.py",
    "tests/contract/test_rfc6455.py",
    "tests/test_log_queue.py",
    "tests/test_open_files.py",
)
SHARED_PACKAGE = TEMPLATE / "{{cookiecutter.project_slug}}/src/{{cookiecutter.__package}}"
# Of the data in Redis, which releases with another one do not touch.
(FORMAT,) = re.findall(
    r"(?m)^FORMAT = (\d+)$",
    (SHARED_PACKAGE / "rooms/backends/redis/client.py").read_text(encoding="utf-8"),
)

# What would reach from this run into that of a rendered project.
_OURS = ("COV", "DJANGO", "PYTEST", "PYTHON", "UV_PROJECT", "VIRTUAL_ENV")


def clean_environment() -> dict[str, str]:
    """Copy the environment without what belongs to this run.

    A project's tests run in one process, since tests of this run are beside them.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}
    return {**kept, "PYTEST_ADDOPTS": "--numprocesses=0"}


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
        encoding="utf-8",
        check=False,
        timeout=120,
    )


@dataclass(frozen=True)
class Project:
    """A rendered project, which runs in its `lender`'s environment or in one of its own.

    uv makes its own one with `interpreter`, or with whatever uv finds.
    """

    path: Path
    flavour: str
    lender: "Project | None" = None
    interpreter: Path | None = None

    @classmethod
    def render(cls, output: Path, flavour: str, **given: str) -> Self:
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
    def environment(self) -> Path:
        """The folder of the virtual environment that it runs in."""
        return (self.lender or self).path / ".venv"

    @property
    def python(self) -> Path:
        """The interpreter of its environment, once that was made."""
        return self.environment / "bin/python"

    @property
    def closes(self) -> dict[str, dict[str, Any]]:
        """The rows of its table of closes, by their names, as its pages have them."""
        text = (self.package / "static/closes.js").read_text(encoding="utf-8")
        (rows,) = re.findall(r"= (\[.*\]);", text, re.DOTALL)
        return {row["name"]: row for row in json.loads(rows)}

    @property
    def settings(self) -> dict[str, str]:
        """Variables for commands: they use the lender's environment as it is, with its own code."""
        if self.lender is None:
            return {"UV_PYTHON": str(self.interpreter)} if self.interpreter else {}
        return {
            "PYTHONPATH": str(self.path / "src"),
            "UV_NO_SYNC": "1",
            "UV_PROJECT_ENVIRONMENT": str(self.environment),
        }

    def files(self) -> list[str]:
        """List its files, sorted, without what running it leaves."""
        left = {".git", ".hypothesis", ".venv", "__pycache__", "dist", "uv.lock"}
        paths = (path.relative_to(self.path) for path in self.path.rglob("*") if path.is_file())
        kept = (path for path in paths if not left.intersection(path.parts))
        return sorted(str(path) for path in kept if not re.search(r"_cache|^\.cov", str(path)))

    def files_unlike(self, other: "Project") -> list[str]:
        """List its files that another project lacks, or has with other content."""
        shared = set(other.files())
        return [
            name
            for name in self.files()
            if name not in shared
            or (self.path / name).read_bytes() != (other.path / name).read_bytes()
        ]

    def pythons(self) -> list[tuple[tuple[int, ...], str]]:
        """Find the released interpreters of uv and pyenv that it may run with: versions, paths."""
        listing = ("uv", "python", "list", "--only-installed", "--output-format", "json")
        found: dict[tuple[int, ...], str] = {
            (one["version_parts"]["major"], one["version_parts"]["minor"]): one["path"]
            for one in json.loads(self.run(*listing).stdout)
            if one["implementation"] == "cpython" and one["version"].replace(".", "").isdigit()
        }
        for path in Path.home().glob(".pyenv/versions/3.*/bin/python"):
            major, minor, _ = path.parent.parent.name.split(".")
            found[int(major), int(minor)] = str(path)
        metadata = tomllib.loads((self.path / "pyproject.toml").read_text(encoding="utf-8"))
        least = metadata["project"]["requires-python"].removeprefix(">=")
        oldest = tuple(map(int, least.split(".")))
        return [(version, path) for version, path in found.items() if version >= oldest]

    def run(
        self,
        *command: str,
        environment: Mapping[str, str] | None = None,
        limit: float = 1_400,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the project, as its owner would; `limit` in seconds."""
        try:
            done = subprocess.run(
                command,
                cwd=self.path,
                env={**clean_environment(), **self.settings, **(environment or {})},
                capture_output=True,
                encoding="utf-8",
                check=False,
                timeout=limit,
            )
        except subprocess.TimeoutExpired as late:
            printed = (late.stdout or b"")[-6_000:].decode(errors="replace")
            pytest.fail(f"{' '.join(command)} took more than {limit} s:\n{printed}")
        assert not check or done.returncode == 0, done.stdout[-6_000:] + done.stderr[-3_000:]
        return done

    def check(self) -> None:
        """Run its formatter, linter and type checker, none of which may change anything."""
        self.run("uv", "run", "ruff", "format", "--check", "--diff")
        self.run("uv", "run", "ruff", "check")
        self.know_types()
        self.run("uv", "run", "mypy")
        self.run("uv", "run", "lint-imports")

    def know_types(self) -> None:
        """Take over what mypy found out of the lender and the libraries, which takes long."""
        if self.lender is None:
            return
        folder = self.lender.path.parent / "types"
        with FileLock(folder.with_suffix(".lock")):
            if not folder.exists():
                self.lender.copy(folder).run("uv", "run", "mypy", check=False)
        known = folder / self.lender.slug / ".mypy_cache"
        shutil.copytree(known, self.path / ".mypy_cache")

    def copy(self, output: Path) -> Self:
        """Copy it, to be changed and run in the environment of the original."""
        folder = output / self.slug
        folder.mkdir(parents=True)
        left = (".venv", ".git", ".*_cache", ".hypothesis")
        kept = [path for path in self.path.iterdir() if not any(map(path.match, left))]
        # A test in three makes a copy, and `shutil` takes twice as long.
        subprocess.run(["cp", "--archive", *kept, folder], check=True)
        return replace(self, path=folder, lender=self.lender or self)

    def borrowing(self, lender: "Project") -> Self:
        """Get the same project, which runs in the environment of another."""
        return replace(self, lender=lender)

    def alone(self) -> Self:
        """Get the same project, which is to make an environment of its own, with the same Python.

        With the same Python, mypy can reuse what it knows of the libraries.
        """
        return replace(self, lender=None, interpreter=self.python.resolve())
