"""The documentation's pages, and the code that they show."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from .project import TEMPLATE, Project
from .recipes import edits

DOCS = TEMPLATE / "docs"
_BLOCK = re.compile(r'(?ms)^(?P<indent> *)```(\w+)(?: title="(.+?)")?\n(.*?)^(?P=indent)```$')
_TAB = re.compile(r'(?m)^=== "(.+)"$')


@dataclass(frozen=True)
class Block:
    """Code of a page: its language, the file that it is shown as, and itself."""

    language: str
    file: str | None
    text: str


@dataclass(frozen=True)
class Page:
    """A page as the owner of a project follows it."""

    path: Path
    project: Project

    def blocks(self) -> Iterator[Block]:
        """List its code, in the words of the project, without the tabs of the other flavour."""
        text = self.path.read_text(encoding="utf-8").replace(
            "your_package", self.project.package.name
        )
        for found in _BLOCK.finditer(text.replace("your-service", self.project.slug)):
            indent, language, file, code = found.groups()
            tabs = _TAB.findall(found.string, 0, found.start()) if indent else []
            if tabs[-1:] != [{"fastapi": "Channels", "channels": "FastAPI"}[self.project.flavour]]:
                yield Block(language, file, dedent(code))

    def shown(self, language: str) -> list[str]:
        """List the code of a language that is not shown as a file."""
        return [one.text for one in self.blocks() if (one.language, one.file) == (language, None)]

    def follow(self) -> list[str]:
        """Write the files that it shows and make its changes; the files."""
        files = []
        for block in self.blocks():
            if block.language == "diff" and block.file is None:
                for edit in edits(block.text):
                    edit.make(self.project)
            if block.file:
                (self.project.path / block.file).write_text(block.text, encoding="utf-8")
                files.append(block.file)
        return files
