"""Counts the functions of a service, and their files, that a join, a message and a close pass.

Run it in a generated project, by its interpreter: `.venv/bin/python …/benchmarks/path.py`.
`--names` lists them.
"""

import argparse
import asyncio
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType, ModuleType

SOURCE = Path("src").resolve()
PACKAGE = next(path.parent.name for path in SOURCE.glob("*/service.py"))
# Not what is made for the compiler: it is part of the function around it.
INNER = {"<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>", "<module>"}
# For so long at the most the service still has to do with what a client did.
SETTLE_SECONDS = 0.3


class Trace:
    """The functions that were entered, in order."""

    def __init__(self) -> None:
        self.entered: dict[CodeType, None] = {}

    def note(self, frame: FrameType, event: str, _: object) -> None:
        """Note the code that a frame runs, if it is the service's."""
        code = frame.f_code
        own = Path(code.co_filename).is_relative_to(SOURCE)
        if event == "call" and own and code.co_name not in INNER:
            self.entered.setdefault(code)

    def names(self) -> list[str]:
        """Name each function with its file."""
        return [
            f"{Path(code.co_filename).relative_to(SOURCE / PACKAGE)}: {code.co_qualname}"
            for code in self.entered
        ]


@contextmanager
def traced() -> Iterator[Trace]:
    """Trace what this thread runs."""
    path = Trace()
    sys.setprofile(path.note)
    try:
        yield path
    finally:
        sys.setprofile(None)


def module(name: str) -> ModuleType:
    """Import a module of the project."""
    return importlib.import_module(name)


def build(manager: object) -> object:
    """Build the application of this flavour."""
    if Path(f"src/{PACKAGE}/web/app.py").exists():
        return module(f"{PACKAGE}.web.app").create_app(manager=manager)
    return module(f"{PACKAGE}.web.application").build_application(manager)


def prepare_django(database: str) -> None:
    """Set Django up, on a new database."""
    os.environ |= {"DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": f"{PACKAGE}.settings"}
    module("django").setup()
    module(f"{PACKAGE}.web.tables").prepare_tables()


async def trace() -> dict[str, Trace]:
    """Let a client join a room, say something and leave, beside another that listens."""
    rooms = module(f"{PACKAGE}.rooms")
    config = module("tests.configs").make_config(rooms="lobby")
    manager = module(f"{PACKAGE}.web.manager").build_manager(config, rooms.Service())
    paths = {}
    async with module("tests.contract.server").serve(build(manager), config) as address:
        service = module("tests.contract.service").Service(address, manager)
        async with service.join("bea") as bea:
            with traced() as paths["a join"]:
                joining = service.join("ann")
                ann = await joining.__aenter__()
                await asyncio.sleep(SETTLE_SECONDS)
            await bea.expect("joined", user="ann")
            with traced() as paths["a message"]:
                await ann.say("hello")
                await ann.expect_message("hello")
                await asyncio.sleep(SETTLE_SECONDS)
            await bea.expect_message("hello")
            with traced() as paths["a close"]:
                await ann.socket.close()
                await asyncio.sleep(SETTLE_SECONDS)
            await bea.expect("left", user="ann")
            ann.vanish()
            await joining.__aexit__(None, None, None)
    return paths


def main() -> None:
    """Trace, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", action="store_true", help="list the functions")
    names: bool = parser.parse_args().names
    sys.path[:0] = [".", "src"]
    with tempfile.TemporaryDirectory() as folder:
        if Path("manage.py").exists():
            prepare_django(f"sqlite:///{folder}/db.sqlite3")
        paths = asyncio.run(trace())
    for what, path in paths.items():
        files = {name.partition(":")[0] for name in path.names()}
        print(f"{what}: {len(path.names())} functions in {len(files)} files")
        if names:
            print("".join(f"    {name}\n" for name in path.names()))


if __name__ == "__main__":
    main()
