"""The client's types, and the description of the protocol, by the tools that read them."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .project import FLAVOURS, ONCE, Project

CLIENT = ["closes", "outbox", "rooms"]
COMPILER = [
    *("--strict", "--allowJs", "--checkJs", "--skipLibCheck"),
    *("--target", "es2022", "--module", "es2022", "--moduleResolution", "bundler"),
    *("--lib", "es2022,dom,dom.iterable"),
]
# Nothing of the project is imported but this, so it is the same from any folder.
DESCRIBE = """
import json
from {package} import about
from {package}.rooms.asyncapi import describe
print(json.dumps(describe(about.TITLE, about.VERSION, about.SUMMARY)))
"""


def compile_client(node_modules: Path, folder: Path, *options: str) -> None:
    """Run TypeScript's compiler on the client's modules."""
    sources = [str(folder / f"{name}.js") for name in CLIENT]
    done = subprocess.run(
        ["node", str(node_modules / "typescript/bin/tsc"), *COMPILER, *options, *sources],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout


@ONCE
def test_the_client_is_typed(project: Project, node_modules: Path, tmp_path: Path) -> None:
    """Its comments hold, and its declarations are made of them.

    After a change, copy what the failure shows.
    """
    static = project.package / "static"
    for name in CLIENT:
        shutil.copy(static / f"{name}.js", tmp_path)
    made = tmp_path / "made"
    compile_client(
        node_modules, tmp_path, "--declaration", "--emitDeclarationOnly", "--outDir", str(made)
    )
    for name in CLIENT:
        file = f"{name}.d.ts"
        assert (static / file).read_text(encoding="utf-8") == (made / file).read_text(
            encoding="utf-8"
        ), f"{made / file} differs"


@ONCE
def test_the_client_connects_by_the_package_ws(project: Project, node_modules: Path) -> None:
    """Older versions of Node.js have no WebSocket. Errors of `ws` end a process unless heard."""
    preload = f"--import={(node_modules.parent / 'ws.mjs').as_uri()}"
    options = f"{preload} --test-name-pattern=who.was.away|two.connections|delays.grow"
    client = "tests/client/test_rooms_js.py"
    project.run("uv", "run", "pytest", client, environment={"NODE_OPTIONS": options})


def describe(project: Project) -> str:
    """Print the description of a project's protocol."""
    done = project.run(str(project.python), "-c", DESCRIBE.format(package=project.package.name))
    return done.stdout


@ONCE
def test_the_protocol_is_described_as_asyncapi_has_it(project: Project, node_modules: Path) -> None:
    done = subprocess.run(
        ["node", str(node_modules.parent / "parse.mjs")],
        input=describe(project),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@ONCE
def test_the_parser_finds_what_is_wrong(project: Project, node_modules: Path) -> None:
    document = json.loads(describe(project))
    del document["channels"]["room"]["messages"]["Pong"]
    done = subprocess.run(
        ["node", str(node_modules.parent / "parse.mjs")],
        input=json.dumps(document),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert "Pong" in done.stdout


def test_the_flavours_speak_the_same(prepared: Callable[[str], Project], tmp_path: Path) -> None:
    one, other = (describe(prepared(flavour).copy(tmp_path / flavour)) for flavour in FLAVOURS)
    assert one == other


@ONCE
@pytest.mark.parametrize("name", [*CLIENT, "page", "lessons", "visit", "protocol"])
def test_a_module_asks_no_other_host(project: Project, name: str) -> None:
    text = (project.package / f"static/{name}.js").read_text(encoding="utf-8")
    assert "://" not in text
    assert "innerHTML" not in text
    assert "eval" not in text
