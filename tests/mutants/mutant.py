"""A service that is broken on purpose."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..mutating import MutationError, Replacement, TextReplacement
from ..project import FLAVOURS, SHARED_TESTS


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
        """Name the flavours to try it with: one, if a shared test has to catch it."""
        shared = f"tests/{self.caught_by}".startswith(SHARED_TESTS)
        return self.flavours[:1] if shared else self.flavours

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
