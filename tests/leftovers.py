"""What a run of the tests leaves behind: nothing, or it fails."""

import atexit
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from . import processes
from .project import TEMPLATE

LIMIT_SECONDS = 5
# In the folder of a run: pytest's own, what tests share, what uv, cookiecutter and Node.js leave.
_MAY_STAY = re.compile(r"pytest-of-.*|shared|node-compile-cache|uv-\w+\.lock|tmp\w+\.py")
# In the repository: caches that .gitignore names.
_CACHES = re.compile(r"(^|/)(__pycache__|\.\w+_cache|\.hypothesis|\.venv[\w-]*|uv\.lock)/?$")


@dataclass
class Leftovers:
    """The folder of a run, and what lay in the repository when it started."""

    folder: Path
    before: set[str]

    @classmethod
    def start(cls) -> Self:
        """Make a folder for all that this process and those it starts write.

        Its path, which is in their environment, tells whose they are.
        """
        folder = Path(tempfile.mkdtemp(prefix="template-tests-"))
        (folder / "shared").mkdir()
        # In the workers: an encoding that a test does not name is a warning, so an error.
        os.environ["PYTHONWARNDEFAULTENCODING"] = "1"
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
        # What would lie in somebody's home, and be written by several at once.
        os.environ["PRE_COMMIT_HOME"] = str(folder / "shared/pre-commit")
        settings = folder / "shared/cookiecutter.yaml"
        places = [f"{name}_dir: {folder}/shared/{name}\n" for name in ("cookiecutters", "replay")]
        settings.write_text("".join(places), encoding="utf-8")
        os.environ["COOKIECUTTER_CONFIG"] = str(settings)
        return cls(folder, untracked(TEMPLATE))

    def find(self) -> list[str]:
        """Name what is left, and end the processes."""
        return [
            *(f"left behind: {name}" for name in self._processes()),
            *(f"left behind: {name}" for name in self._files()),
            *(f"changed, though tests share it: {name}" for name in self._changed()),
        ]

    def end(self, *, keep: bool) -> None:
        """Remove the folder, after pytest has tidied up its part of it, or say where it is."""
        if keep:
            print(f"\nWhat the tests wrote is in {self.folder}")
        else:
            atexit.register(shutil.rmtree, self.folder, ignore_errors=True)

    def _processes(self) -> list[str]:
        deadline = time.monotonic() + LIMIT_SECONDS
        while left := list(processes.mentioning(str(self.folder))):
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
        named = [f"process {_describe(pid)}" for pid in left]
        for pid in left:
            processes.kill(pid)
        return named

    def _files(self) -> list[str]:
        own = [path for path in self.folder.iterdir() if not _MAY_STAY.fullmatch(path.name)]
        return [*map(str, own), *sorted(untracked(TEMPLATE) - self.before)]

    def _changed(self) -> list[str]:
        found = []
        for ready in self.folder.glob("shared/*/*.ready"):
            folder = ready.with_suffix("")
            before = json.loads(ready.read_text(encoding="utf-8"))
            now = _listing(folder)
            names = before.keys() | now.keys()
            changed = [name for name in names if before.get(name) != now.get(name)]
            found += [str(folder / name) for name in sorted(changed)]
        return found


def write_listing(folder: Path, file: Path) -> None:
    """Note what is in a folder, but for environments and what git keeps."""
    file.write_text(json.dumps(_listing(folder)), encoding="utf-8")


def _listing(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    names = {str(path.relative_to(folder)): path for path in files}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in names.items()
        if not re.search(r"(^|/)\.(git|venv)/", name)
    }


def _describe(pid: int) -> str:
    at = processes.ports(pid)
    return f"{pid}, {processes.command(pid)}" + (f", listening at {at}" if at else "")


def untracked(folder: Path) -> set[str]:
    """List what a repository does not track, but for caches; edits are the maintainer's."""
    listing = ("git", "status", "--porcelain", "--ignored")
    done = subprocess.run(listing, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    found = (line[3:] for line in done.stdout.splitlines() if line[:2] in {"??", "!!"})
    return {name for name in found if not _CACHES.search(name)}
