"""Lay the chosen flavour over the project, and say what comes next."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

SLUG = "{{ cookiecutter.project_slug }}"
FLAVOUR = "{{ cookiecutter.framework }}"


def lay_flavour() -> None:
    """Copy the flavour's files to where they belong, and remove all flavours."""
    flavours = Path("flavours")
    shutil.copytree(flavours / FLAVOUR, Path(), dirs_exist_ok=True)
    shutil.rmtree(flavours)


def git(*arguments: str) -> bool:
    """Run git quietly; whether that worked."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def make_repository() -> None:
    """Put the project under git, unless git is missing or it is inside a repository already."""
    if git("rev-parse", "--is-inside-work-tree"):
        print("\nThis folder is inside a git repository already, so none was made.")
    else:
        git("init", "--quiet", "--initial-branch=main")


def folder_from_shell() -> Path:
    """Return the project's folder, relative if the shell tells that it is beside it.

    Shells on Windows don't tell where they are.
    """
    folder = Path.cwd()
    return Path(SLUG) if os.environ.get("PWD") == str(folder.parent) else folder


def quote(path: str) -> str:
    """Quote a path for this machine's shells: cmd and PowerShell share double quotes only."""
    if os.name == "nt":
        return f'"{path}"' if " " in path else path
    return shlex.quote(path)


def next_steps() -> list[str]:
    """List what is still to do, as commands."""
    steps = [f"cd {quote(str(folder_from_shell()))}"]
    if shutil.which("uv") is None:
        steps.append("pip install uv")
    return [*steps, f"uv run {SLUG}     # then open http://127.0.0.1:8000", "uv run pytest"]


if __name__ == "__main__":
    lay_flavour()
    make_repository()
    print("\nNext:\n\n" + "".join(f"    {step}\n" for step in next_steps()))
