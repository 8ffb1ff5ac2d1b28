"""Small changes to a package's code, found by syntax: code that moved or was re-wrapped is found.

A symbol is a qualified name (`Outbox.put`, `Close.ROOM_FULL`, `_PAGE`) in any module. A pattern is
the Python to change in it: an expression, or statements that follow each other. In a pattern `_` is
any expression or name, and `...` any number of arguments, elements or statements.
"""

import ast
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import EllipsisType
from typing import TypeVar

T = TypeVar("T")

_OLD_CODE = "..."


class MutationError(Exception):
    """A change does not fit the package."""


@dataclass(frozen=True)
class Replacement:
    """Replaces code in a symbol; with `conditions` only the condition of an `if` or a `while`."""

    symbol: str
    pattern: str
    by: str
    conditions: bool = False

    @property
    def place(self) -> str:
        """What it changes."""
        return self.symbol

    def apply(self, package: Path) -> None:
        """Replace the one place that matches, and keep every other byte."""
        path, root = _find_symbol(package, self.symbol)
        run = _only(list(self._find(root)), f"`{self.pattern}` in {self.symbol}")
        text = path.read_bytes()
        start, end = _span(text, run)
        by = textwrap.indent(self.by, " " * run[0].col_offset).lstrip()
        if _OLD_CODE in by.split():
            by = by.replace(_OLD_CODE, text[start:end].decode())
        changed = text[:start] + by.encode() + text[end:]
        try:
            compile(changed, path.name, "exec")
        except SyntaxError as error:
            raise MutationError(f"`{self.by}` does not fit into {self.symbol}: {error}") from error
        _write(path, changed)

    def _find(self, root: ast.stmt) -> Iterator[Sequence[ast.expr | ast.stmt]]:
        pattern, expression = ast.parse(self.pattern).body, _as_expression(self.pattern)
        for node in ast.walk(root):
            if self.conditions:
                if isinstance(node, ast.If | ast.While) and _matches(expression, node.test):
                    yield [node.test]
            elif expression and _as_expression(self.by):
                if isinstance(node, ast.expr) and _matches(expression, node):
                    yield [node]
            else:
                runs = _runs(node, len(pattern))
                yield from (run for run in runs if _matches(pattern, run))


@dataclass(frozen=True)
class TextReplacement:
    """Replaces a text in a file that is not Python, found by its base name."""

    file: str
    text: str
    by: str

    @property
    def place(self) -> str:
        """What it changes."""
        return self.file

    def apply(self, package: Path) -> None:
        """Replace the text, which must be there once."""
        path = _only(list(package.rglob(self.file)), self.file)
        parts = path.read_text(encoding="utf-8").split(self.text)
        _only(parts[1:], f"`{self.text}` in {self.file}")
        _write(path, self.by.join(parts).encode())


@cache
def names_in(package: Path) -> frozenset[str]:
    """Name what changes can be made to: the symbols of a package, and its files but for modules."""
    names = {path.name for path in package.rglob("*.*")}
    for path in package.rglob("*.py"):
        names |= {name for name, _ in _symbols(ast.parse(path.read_bytes()).body)}
    return frozenset(names)


def replace(symbol: str, pattern: str, by: str) -> Replacement:
    """Replace an expression, or statements; a line `...` of the new code is the old code."""
    return Replacement(symbol, pattern, by)


def remove(symbol: str, pattern: str) -> Replacement:
    """Remove statements."""
    return Replacement(symbol, pattern, "pass")


def never(symbol: str, condition: str) -> Replacement:
    """Make the condition of an `if` or a `while` false."""
    return Replacement(symbol, condition, "False", conditions=True)


def always(symbol: str, condition: str) -> Replacement:
    """Make the condition of an `if` or a `while` true."""
    return Replacement(symbol, condition, "True", conditions=True)


def _only(found: Sequence[T], what: str) -> T:
    if len(found) != 1:
        raise MutationError(f"{what} was found {len(found)} times, not once")
    return found[0]


def _write(path: Path, content: bytes) -> None:
    # The file may be a hard link, whose other names keep the old content.
    path.unlink()
    path.write_bytes(content)


def _find_symbol(package: Path, symbol: str) -> tuple[Path, ast.stmt]:
    found = []
    for path in package.rglob("*.py"):
        text = path.read_bytes()
        # Parsing all modules takes longer than many a test.
        if symbol.rpartition(".")[2].encode() in text:
            found += [
                (path, node) for name, node in _symbols(ast.parse(text).body) if name == symbol
            ]
    return _only(found, symbol)


def _symbols(body: Sequence[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.stmt]]:
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield prefix + name, node
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield prefix + name, node
            case ast.ClassDef(name=name):
                yield prefix + name, node
                yield from _symbols(node.body, f"{prefix}{name}.")


def _as_expression(code: str) -> ast.expr | None:
    match ast.parse(code).body:
        case [ast.Expr(value=expression)]:
            return expression
    return None


def _runs(node: ast.AST, length: int) -> Iterator[list[ast.stmt]]:
    for _, block in ast.iter_fields(node):
        if isinstance(block, list) and isinstance(block[0] if block else None, ast.stmt):
            yield from (block[at : at + length] for at in range(len(block) - length + 1))


def _span(text: bytes, run: Sequence[ast.expr | ast.stmt]) -> tuple[int, int]:
    lines = text.splitlines(keepends=True)
    first, last = run[0], run[-1]
    start = sum(map(len, lines[: first.lineno - 1])) + first.col_offset
    return start, sum(map(len, lines[: (last.end_lineno or 0) - 1])) + (last.end_col_offset or 0)


def _matches(pattern: object, node: object) -> bool:
    match pattern, node:
        case ast.Name(id="_") | ast.Constant(value=EllipsisType()), ast.expr():
            return True
        case [ast.Constant(EllipsisType()) | ast.Expr(ast.Constant(EllipsisType())), *rest], [
            *nodes
        ]:
            return any(_matches(rest, nodes[at:]) for at in range(len(nodes) + 1))
        case [first, *rest], [found, *nodes]:
            return _matches(first, found) and _matches(rest, nodes)
        case ast.Call(), ast.Call():
            arguments = [[*call.args, *call.keywords] for call in (pattern, node)]
            return _matches(pattern.func, node.func) and _matches(*arguments)
        case ast.AST(), ast.AST():
            pairs = ([getattr(one, name, None) for one in (pattern, node)] for name in node._fields)
            return type(pattern) is type(node) and all(_matches(*pair) for pair in pairs)
    return pattern in ("_", node)
