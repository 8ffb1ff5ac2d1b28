"""The client's types, and the description of the protocol, by the tools that read them."""

import json
import re
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
# What an owner's frames make of the client: a wrong use is an error, or this is one.
OWN_TYPES = """
export interface OwnClientFrames {
  buy: { type: "buy"; item: string };
  cursor: { type: "cursor"; x: number; y: number };
}
export interface OwnServerFrames {
  receipt: { type: "receipt"; price: number; ref?: string };
  "user-typing": { type: "user-typing"; user: string };
}
export interface OwnLastWords {
  "good-night": { type: "good-night"; retry_after: number };
}
export interface OwnClientBodies {
  Chat: Text | Edited;
}
export interface OwnServerBodies {
  Chat: Text | Edited;
}
export type Text = { kind: "text"; text: string };
export type Edited = { kind: "edited"; of: string };
export const ownCloses: readonly import("./closes.js").CloseRow[];
"""
TYPED_USE = """
import { RequestFailed, Room } from "./rooms.js";

const room = new Room("/ws/lobby", { last: 50 });
room.on("user-typing", ({ user }) => user.trim());
room.on("done", ({ ref }) => ref.trim());
// @ts-expect-error: no frame has this type
room.on("user-types", () => {});
for (const type of ["rate-limited", "service-restart", "good-night"] as const) {
  room.on(type, ({ retry_after }) => retry_after.toFixed());
}
// @ts-expect-error: it tells no time
room.on("jwt-expired", ({ retry_after }) => retry_after);
room.on("error", ({ ref, reason }) => `${ref?.trim()}: ${reason?.trim()}`);
room.on("message", ({ body }) => {
  // @ts-expect-error: it may be of the other type
  body.text;
  if (body.kind === "text") {
    body.text.trim();
  }
});
void room.publish({ kind: "text", text: "hello" });
// @ts-expect-error: no body is like this
void room.publish({ kind: "text", words: "hello" });
for (const { id, body } of room.pending) {
  void room.publish(body, { id });
}
room.sendFrame({ type: "cursor", x: 1, y: 2 }, { latest: true });
// @ts-expect-error: y is missing
room.sendFrame({ type: "cursor", x: 1 });
// @ts-expect-error: clients do not send it
room.sendFrame({ type: "receipt", price: 1 });
try {
  const answer = await room.request({ type: "buy", item: "tea" }, { timeout: 1_000 });
  // @ts-expect-error: it may be another frame
  answer.price;
  if (answer.type === "receipt") {
    answer.price.toFixed(2);
  }
} catch (error) {
  if (error instanceof RequestFailed) {
    `${error.code}: ${error.detail} ${error.reason?.trim()}`;
  }
}
"""
# Nothing of the project is imported but this, so it is the same from any folder.
DESCRIBE = """
import json
from {package}.rooms import Service
from {package}.web import page
print(json.dumps(page.protocol(Service(handlers=handlers))))
"""
# A frame of an owner's, with what has no name in the code.
OWN_FRAME = """
from typing import Literal
from pydantic import BaseModel
from {package}.rooms import Client, FromClient, RoomHandler, on

class Line(BaseModel):
    size: Literal["small", "large"]

class Order(FromClient):
    type: Literal["order"] = "order"
    urgency: Literal["low", "high"]
    lines: list[Line]
    stamps: list[Literal["red", "blue"]]
    delivery: Line | list[Line] | None = None

class Note(BaseModel):
    text: str
    mood: Literal["glad", "sad"]

class Edited(BaseModel):
    lines: list[Line]

class Orders(RoomHandler[None, Note | Edited]):
    @on(Order)
    async def order(self, client: Client, frame: Order) -> None: ...

handlers = [Orders()]
"""


def run_compiler(node_modules: Path, sources: list[Path], *options: str) -> None:
    """Check modules with TypeScript's compiler."""
    tsc = node_modules / "typescript/bin/tsc"
    done = subprocess.run(
        ["node", str(tsc), *COMPILER, *options, *map(str, sources)],
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
    for name in (*(f"{name}.js" for name in CLIENT), "own.d.ts"):
        shutil.copy(static / name, tmp_path)
    made = tmp_path / "made"
    sources = [tmp_path / f"{name}.js" for name in CLIENT]
    declare = ("--declaration", "--emitDeclarationOnly", "--outDir", str(made))
    run_compiler(node_modules, sources, *declare)
    for name in CLIENT:
        file = f"{name}.d.ts"
        assert (static / file).read_text(encoding="utf-8") == (made / file).read_text(
            encoding="utf-8"
        ), f"{made / file} differs"


@ONCE
def test_the_client_knows_the_types_of_own_frames(
    project: Project, node_modules: Path, tmp_path: Path
) -> None:
    for name in CLIENT:
        shutil.copy(project.package / f"static/{name}.d.ts", tmp_path)
    (tmp_path / "own.d.ts").write_text(OWN_TYPES, encoding="utf-8")
    (tmp_path / "use.ts").write_text(TYPED_USE, encoding="utf-8")
    run_compiler(node_modules, [tmp_path / "use.ts"], "--noEmit")


@ONCE
def test_the_client_connects_by_the_package_ws(project: Project, node_modules: Path) -> None:
    """Older versions of Node.js have no WebSocket. Errors of `ws` end a process unless heard."""
    preload = f"--import={(node_modules.parent / 'ws.mjs').as_uri()}"
    names = ("who.was.away", "two.connections", "delays.grow")
    folder = project.path / "tests/client"
    scripts = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.test.mjs"))
    # Node.js is content with a name that no test bears.
    assert [name for name in names if not re.search(rf'(?m)^test\("[^"]*{name}', scripts)] == []
    options = {"NODE_OPTIONS": f"{preload} --test-name-pattern={'|'.join(names)}"}
    done = project.run("uv", "run", "pytest", "tests/client/test_rooms_js.py", environment=options)
    assert "1 passed" in done.stdout


def describe(project: Project, before: str = "handlers = []\n") -> str:
    """Print the description of a project's protocol, with the handlers that `before` makes."""
    code = (before + DESCRIBE).format(package=project.package.name)
    done = project.run(str(project.python), "-c", code)
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


@ONCE
def test_generated_models_have_names_and_typescript_accepts_them(
    project: Project, node_modules: Path, tmp_path: Path
) -> None:
    description = describe(project, OWN_FRAME)
    done = subprocess.run(
        ["node", str(node_modules.parent / "generate.mjs"), str(tmp_path)],
        input=description,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    messages = json.loads(description)["channels"]["room"]["messages"].values()
    frames = {message.get("title") for message in messages}
    nested = {"ErrorCode", "Line", "LineSize", "OrderUrgency", "OrderStampsItem"}
    nested |= {"Note", "NoteMood", "Edited"}
    for language, models in json.loads(done.stdout).items():
        for name, code in models.items():
            assert "anonymous" not in f"{name} {code}".lower(), f"{language}: {code}"
        assert frames | nested <= models.keys(), language
    assert frames >= {"Welcome", "RateLimited", "Order"}
    run_compiler(node_modules, sorted(tmp_path.glob("*.ts")), "--noEmit")


def test_the_flavours_speak_the_same(prepared: Callable[[str], Project], tmp_path: Path) -> None:
    one, other = (describe(prepared(flavour).copy(tmp_path / flavour)) for flavour in FLAVOURS)
    assert one == other


@ONCE
@pytest.mark.parametrize("name", [*CLIENT, "own", "page", "lessons", "typing", "visit", "protocol"])
def test_a_module_asks_no_other_host(project: Project, name: str) -> None:
    text = (project.package / f"static/{name}.js").read_text(encoding="utf-8")
    assert "://" not in text
    assert "innerHTML" not in text
    assert "eval" not in text
