"""Changes the engine in one place after another, and counts how many a project's tests notice.

    uv run python -m tests.mutation fastapi --sample 300

This is not a test: it takes some ten seconds a change. `--only rate.py` takes one module.
"""

import argparse
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from .project import FLAVOURS, Project

# What makes no difference, or none that a test could miss: `x: A | None` fails at the import.
_IDLE = re.compile(
    r"ReplaceBinaryOperator_BitOr|ReplaceComparisonOperator_(Is|IsNot)_"
    r"(?!IsNot$|Is$)|ReplaceComparisonOperator_(Eq_Is|NotEq_IsNot)$"
)
_CONTRACT = "talking closing endings coming_back denials tokens http lost_bells page processes"
# The engine, and what reads requests before it is asked.
_MODULES = "rooms server/handshake.py server/middleware.py web/access.py web/schemas.py"
_CONFIG = """\
[cosmic-ray]
module-path = [{modules}]
timeout = 90.0
excluded-modules = ["src/rooms_service/**/__init__.py"]
test-command = "sh {tests}"

[cosmic-ray.distributor]
name = "local"
"""


def main() -> None:
    """Run it on a project of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("flavour", choices=FLAVOURS)
    parser.add_argument("--sample", type=int, default=300, help="how many changes")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--only", default="", help="a part of the module's path")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Project.render(Path(folder), given.flavour)
        project.run("uv", "sync")
        write_tests(project)
        ray(project, "init", "ray.toml", "ray.sqlite")
        with closing(sqlite3.connect(project.path / "ray.sqlite")) as session:
            choose(session, given.sample, given.seed, given.only)
            ray(project, "baseline", "ray.toml")
            ray(project, "exec", "ray.toml", "ray.sqlite")
            report(session)


def write_tests(project: Project) -> None:
    """Write the command that tests a change: the engine alone, then what a client sees."""
    engine = "tests/rooms tests/test_config.py tests/test_written.py"
    contract = " ".join(f"tests/contract/test_{name}.py" for name in _CONTRACT.split())
    pytest = ".venv/bin/python -m pytest -x -q -n0 -p no:cacheprovider"
    # Starting processes takes long, and shows more of the server than of the engine.
    some = "-k 'not real_processes and not workers'"
    lines = ["set -e", f"{pytest} {engine}", f"{pytest} {contract} {some}"]
    script = project.path / "ray.sh"
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    modules = ", ".join(f'"src/rooms_service/{path}"' for path in _MODULES.split())
    config = _CONFIG.format(modules=modules, tests=script)
    (project.path / "ray.toml").write_text(config, encoding="utf-8")


def ray(project: Project, *arguments: str) -> None:
    """Run cosmic-ray."""
    python = ("--python", f"{sys.version_info.major}.{sys.version_info.minor}")
    program = ("uvx", *python, "--from", "cosmic-ray>=8.4", "cosmic-ray")
    subprocess.run([*program, *arguments], cwd=project.path, check=True)


def choose(session: sqlite3.Connection, count: int, seed: int, only: str) -> None:
    """Leave so many of all changes."""
    listed = "SELECT module_path, operator_name, occurrence, operator_args, job_id "
    rows = sorted(session.execute(f"{listed} FROM mutation_specs"))
    wanted = [row for row in rows if only in row[0] and not _IDLE.search(row[1])]
    random.seed(seed)
    kept = {row[-1] for row in random.sample(wanted, min(count, len(wanted)))}
    others = [row[-1:] for row in rows if row[-1] not in kept]
    session.executemany("DELETE FROM mutation_specs WHERE job_id = ?", others)
    session.executemany("DELETE FROM work_items WHERE job_id = ?", others)
    session.commit()
    print(f"{len(kept)} of {len(wanted)} changes", flush=True)


def report(session: sqlite3.Connection) -> None:
    """Print the changes that no test noticed."""
    found = session.execute("SELECT test_outcome, diff FROM work_results").fetchall()
    survivors = [diff for outcome, diff in found if outcome == "SURVIVED"]
    for diff in survivors:
        print(diff, end="\n\n")
    print(f"noticed: {len(found) - len(survivors)} of {len(found)}")


if __name__ == "__main__":
    main()
