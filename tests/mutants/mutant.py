"""A service that is broken on purpose."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from ..mutating import MutationError, Replacement, TextReplacement, names_in
from ..project import FLAVOURS, SHARED_PACKAGE, SHARED_TESTS


@dataclass(frozen=True)
class Mutant:
    """What the broken service does, the changes that break it, and the test that must notice.

    `caught_by` is a test as pytest names it, below the service's `tests/`; `caught_by_script` is a
    regular expression for tests of the client's, which one test of pytest's runs.
    """

    name: str
    changes: Sequence[Replacement | TextReplacement]
    caught_by: str
    flavours: Sequence[str] = tuple(FLAVOURS)
    caught_by_script: str = ""

    @property
    def tried_with(self) -> Sequence[str]:
        """Name the flavours to try it with: one, if they share what is broken, or what notices."""
        if f"tests/{self.caught_by}".startswith(SHARED_TESTS):
            return self.flavours[:1]
        if all(change.place in names_in(SHARED_PACKAGE) for change in self.changes):
            # Each flavour in turn, so that each has its share.
            return [self.flavours[crc32(self.name.encode()) % len(self.flavours)]]
        return self.flavours

    def apply(self, package: Path) -> None:
        """Break a package.

        Raises:
            MutationError: a change does not fit.
        """
        for change in self.changes:
            try:
                change.apply(package)
            except MutationError as error:
                raise MutationError(f"{self.name}: {error}") from error


def ending(row: str) -> str:
    """Name the test of a row of the close table."""
    test = "test_a_connection_ends_as_the_close_table_says"
    return f"contract/test_endings.py::{test}[{row}]"
