"""Runs a project's tests again and again, each time in a fork of a process that is warm.

Starting Python, pytest and the framework takes longer than most tests do. The warm process is
`python forks.py` in a project, on the project's interpreter: it has imported the libraries, but
nothing of the project.
"""

import compileall
import faulthandler
import gc
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path

import pytest

_OPTIONS = [
    # The project's own options may spread the tests over processes that are not warm.
    *("-o", "addopts=", "-ra", "--strict-config", "--strict-markers"),
    # A run has a limit of its own, by the same means.
    *("-o", "faulthandler_timeout=0"),
    *("--exitfirst", "-p", "no:cacheprovider"),
    # With other examples a broken service may pass in one run and not in the next.
    "--hypothesis-seed=1",
    # The warm process has imported plugins whose assertions pytest would have rewritten.
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
]


class Runner:
    """The warm process of a project."""

    def __init__(self, project: Path, python: Path, environment: dict[str, str]) -> None:
        self._warm = subprocess.Popen(
            [python, __file__],
            cwd=project,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def stop(self) -> None:
        """End the process."""
        self._warm.communicate()

    def run(
        self, copy: Path, tests: Sequence[str], limit: float, **environment: str
    ) -> tuple[int, str]:
        """Run tests of a copy of the project up to the first failure; `limit` in seconds.

        Returns:
            pytest's exit code, and what it printed.
        """
        assert self._warm.stdin
        assert self._warm.stdout
        with tempfile.TemporaryDirectory() as folder:
            printed = Path(folder) / "printed"
            # The package of the copy, also in processes that the tests start.
            environment = {**environment, "PYTHONPATH": str(copy / "src")}
            arguments = [*_OPTIONS, f"--basetemp={folder}/temp", *tests]
            request = [str(copy), arguments, str(printed), limit, environment]
            print(json.dumps(request), file=self._warm.stdin, flush=True)
            return int(self._warm.stdout.readline()), printed.read_text(encoding="utf-8")


def main() -> None:
    """Serve requests from stdin, until its end."""
    compileall.compile_dir("src", quiet=1)
    # Part of Django can only be imported once it is configured, and says so in many ways.
    sys.unraisablehook = lambda _: None
    for module in {*imports(), *(entry.module for entry in entry_points(group="pytest11"))}:
        with suppress(Exception):
            importlib.import_module(module)
    sys.unraisablehook = sys.__unraisablehook__
    # Looks at all modules once; otherwise each run that fails does, to show its source.
    inspect.getmodule(main.__code__)
    gc.freeze()
    for line in sys.stdin:
        fork = os.fork()
        if not fork:
            run(*json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]), flush=True)


def imports() -> set[str]:
    """List the libraries' modules that the project imports."""
    own = {"tests", *(path.name for path in Path("src").iterdir())}
    sources = [path.read_text(encoding="utf-8") for path in Path().glob("[st]*/**/*.py")]
    found = re.findall(r"(?m)^ *(?:from|import) (\w[\w.]*)", "\n".join(sources))
    return {name for name in found if name.partition(".")[0] not in own}


def run(
    copy: str, arguments: list[str], printed: str, limit: float, environment: dict[str, str]
) -> None:
    """Run pytest in this process, and end it."""
    for stream, path in ((0, os.devnull), (1, printed), (2, printed)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), stream)
    os.chdir(copy)
    os.environ.update(environment)
    sys.path[:0] = [copy, environment["PYTHONPATH"]]
    faulthandler.dump_traceback_later(limit, exit=True)
    code = pytest.main(arguments)
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
