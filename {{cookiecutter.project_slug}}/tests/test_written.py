"""Pages and the page's client tell of the settings and the closes that the code has."""

from pathlib import Path

import pytest
from scripts.written import written


@pytest.mark.parametrize("path", written(), ids=lambda path: path.name)
def test_a_file_tells_what_the_code_has(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == written()[path], (
        "run `uv run python -m scripts.written`"
    )
