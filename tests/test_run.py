"""A run of the tests that leaves something behind, or skips what has to run in CI, fails."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from .leftovers import untracked
from .project import TEMPLATE, clean_environment
from .skips import unexpected

PROCESS = """
import subprocess, sys
subprocess.Popen([sys.executable, "-m", "http.server", "0"], start_new_session=True).returncode = 0
"""
WITHOUT_ENVIRONMENT = """
import subprocess, sys, tempfile
command, folder = [sys.executable, "-m", "http.server", "0"], tempfile.gettempdir()
subprocess.Popen(command, cwd=folder, env={}, start_new_session=True).returncode = 0
"""
FILE = """
import pathlib, tempfile
pathlib.Path(tempfile.gettempdir(), "mine.txt").touch()
"""
SHARED = """
from tests.leftovers import write_listing
folder = shared / "a/b"
folder.mkdir(parents=True)
(folder / "was.txt").touch()
write_listing(folder, folder.with_suffix(".ready"))
(folder / "new.txt").touch()
"""
PORT = """
import socket
globals()["kept"] = socket.create_server(("127.0.0.1", 0))
"""
SKIP = """
import pytest
pytest.skip("nobody is here")
"""


def run(folder: Path, code: str, processes: int) -> tuple[int, str]:
    """Run one test with the checks of this run's tests."""
    lines = "".join(f"    {line}\n" for line in code.splitlines())
    file = folder / "test_it.py"
    file.write_text(f"def test_it(shared):\n{lines}    pass\n", encoding="utf-8")
    options = ("--rootdir", str(folder), "-c", str(TEMPLATE / "pyproject.toml"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", f"-n{processes}", *options, file],
        cwd=TEMPLATE,
        env={**clean_environment(), "CI": "true", "TMPDIR": str(folder)},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("processes", [0, 1])
@pytest.mark.parametrize(
    ("code", "named"),
    [
        (PROCESS, r"left behind: process \d+, .*http.server 0, listening at \[\d+\]"),
        (WITHOUT_ENVIRONMENT, r"left behind: process \d+, .*http.server 0"),
        (FILE, r"left behind: .*/mine\.txt"),
        (SHARED, r"changed, though tests share it: .*/shared/a/b/new\.txt"),
        (PORT, r"a test left a port of its own open"),
        (SKIP, r"skipped in CI: .*test_it: nobody is here"),
    ],
    ids=["process", "process without environment", "file", "shared", "port", "skip"],
)
def test_a_run_that_leaves_something_behind_fails_and_names_it(
    code: str, named: str, processes: int, tmp_path: Path
) -> None:
    status, printed = run(tmp_path, code, processes)
    assert status == pytest.ExitCode.TESTS_FAILED
    assert re.search(named, printed), printed
    assert "1 error in" in printed


@pytest.mark.parametrize("processes", [0, 1])
def test_a_run_that_leaves_nothing_behind_removes_its_folder(
    processes: int, tmp_path: Path
) -> None:
    status, printed = run(tmp_path, "", processes)
    assert status == pytest.ExitCode.OK, printed
    assert not list(tmp_path.glob("template-tests-*"))


def test_new_files_of_the_repository_are_found_but_no_caches(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text("site/\n.*_cache/\n", encoding="utf-8")
    for name in ("site/index.html", ".ruff_cache/one", "lost.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert untracked(tmp_path) == {".gitignore", "site/", "lost.txt"}


def test_a_skip_is_allowed_by_its_reason() -> None:
    reason = ("test_it.py", 1, "Skipped: there is no Python 3.14")
    report = pytest.TestReport("test_it", reason, {}, "skipped", reason, "call")
    assert unexpected([report], {"no Python": "it has one Python only"}) == []
    assert unexpected([report], {"no Redis": "it has none"}) == [
        "skipped in CI: test_it: there is no Python 3.14"
    ]
