"""Changes by syntax find what they name, wherever it moved, and change nothing else."""

import os
import shutil
from pathlib import Path

import pytest

from .mutating import (
    MutationError,
    Replacement,
    TextReplacement,
    always,
    never,
    remove,
    replace,
)

CODE = '''\
"""Größe: bytes and characters differ."""
LIMIT = 5


class Box(Base):
    FULL = Row(4410, "ß", advice=None)  # kept

    @property
    def size(self) -> int:
        return (self._size  or   0)

    @logged("put")
    async def put(self, item, *, once=False):
        if self.sealed and not item:
            return False
        elif len(item) > LIMIT:
            log("ß", item); self.drop(item)
        while self.waits: await self.turn()
        try:
            await self.send(
                item,
                once=once,
            )
        finally:
            self.seen += 1
            self.seen -= 1
        return True
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Make a package with a module in a folder."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/box.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "other.py").write_text(
        "def put(): ...\n\n\ndef twin(): ...\n\n\ndef twin(): ...\n", encoding="utf-8"
    )
    (tmp_path / "deep/page.js").write_text("if (a) {}\nif (a) {}\nif (b) {}\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        (replace("LIMIT", "5", "6"), "LIMIT = 5", "LIMIT = 6"),
        (replace("Box.FULL", "4410", "4411"), "4410", "4411"),
        (replace("Box.FULL", '"ß"', '"é"'), '"ß", advice', '"é", advice'),
        (replace("Box.FULL", "Row(..., advice=_)", "None"), 'Row(4410, "ß", advice=None)', "None"),
        (replace("Box.size", "_ or 0", "1"), "(self._size  or   0)", "(1)"),
        (never("Box.put", "self.sealed and ..."), "self.sealed and not item", "False"),
        (never("Box.put", "len(_) > _"), "len(item) > LIMIT", "False"),
        (always("Box.put", "self.waits"), "while self.waits:", "while True:"),
        (replace("Box.put", "log(...)", "pass"), 'log("ß", item)', "pass"),
        (remove("Box.put", "self.drop(_)"), "self.drop(item)", "pass"),
        (replace("Box.put", "_.drop", "print"), "self.drop(", "print("),
        (replace("Box.put", "self._(item)", "None"), "self.drop(item)", "None"),
        (remove("Box.put", "self.seen += _"), "self.seen += 1", "pass"),
        (
            remove("Box.put", "self.seen += 1\nself.seen -= 1"),
            "self.seen += 1\n            self.seen -= 1",
            "pass",
        ),
        (
            replace("Box.put", "await self.send(...)", "for one in all:\n    one()\n..."),
            "            await self.send(\n",
            "            for one in all:\n                one()\n            await self.send(\n",
        ),
        (
            replace("Box.put", "return True", "...\n\nif x:\n    pass"),
            "        return True\n",
            "        return True\n\n        if x:\n            pass\n",
        ),
    ],
    ids=lambda change: change.pattern if isinstance(change, Replacement) else "",
)
def test_a_replacement_changes_one_place_and_keeps_every_other_byte(
    package: Path, change: Replacement, old: str, new: str
) -> None:
    assert CODE.count(old) == 1
    change.apply(package)
    assert (package / "deep/box.py").read_text(encoding="utf-8") == CODE.replace(old, new)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (remove("Box.take", "pass"), "Box.take was found 0 times"),
        (remove("twin", "..."), "twin was found 2 times"),
        (
            remove("Box.put", "self.fill(...)"),
            r"`self.fill\(\.\.\.\)` in Box.put was found 0 times",
        ),
        (replace("Box.put", "item", "x"), "`item` in Box.put was found 5 times"),
        (never("Box.put", "self.sealed"), "`self.sealed` in Box.put was found 0 times"),
        (
            remove("Box.put", "self.send(...)"),
            r"`self.send\(\.\.\.\)` in Box.put was found 0 times",
        ),
        (replace("Box.put", "await self.send(item)", "None"), "was found 0 times"),
        (replace("Box.size", "return _", "await x"), "`await x` does not fit into Box.size"),
        (
            TextReplacement("page.js", "if (a)", "if (c)"),
            r"`if \(a\)` in page.js was found 2 times",
        ),
        (
            TextReplacement("page.js", "if (c)", "if (a)"),
            r"`if \(c\)` in page.js was found 0 times",
        ),
        (TextReplacement("page.lua", "", ""), "page.lua was found 0 times"),
    ],
)
def test_a_change_that_does_not_fit_says_why(
    package: Path, change: Replacement | TextReplacement, told: str
) -> None:
    with pytest.raises(MutationError, match=told):
        change.apply(package)
    assert (package / "deep/box.py").read_text(encoding="utf-8") == CODE


def test_a_text_in_another_file_than_python_is_replaced(package: Path) -> None:
    TextReplacement("page.js", "if (b)", "if (c)").apply(package)
    assert (package / "deep/page.js").read_text(
        encoding="utf-8"
    ) == "if (a) {}\nif (a) {}\nif (c) {}\n"


@pytest.mark.parametrize(
    ("change", "file"),
    [
        (replace("LIMIT", "5", "6"), "deep/box.py"),
        (TextReplacement("page.js", "if (b)", "if (c)"), "deep/page.js"),
    ],
    ids=["python", "text"],
)
def test_a_change_leaves_the_original_of_a_hard_link_alone(
    package: Path,
    change: Replacement | TextReplacement,
    file: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    original = (package / file).read_bytes()
    copy = tmp_path_factory.mktemp("links") / "copy"
    shutil.copytree(package, copy, copy_function=os.link)
    change.apply(copy)
    assert (package / file).read_bytes() == original
    assert (copy / file).read_bytes() != original
