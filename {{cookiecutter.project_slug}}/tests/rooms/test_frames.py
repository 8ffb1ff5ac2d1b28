"""Frames by themselves."""

import pytest

from {{cookiecutter.__package}}.rooms import frames


@pytest.mark.parametrize(
    ("text", "short"),
    [("x" * 200, "x" * 200), ("x" * 201, "x" * 199 + "…"), ("x" * 5_000, "x" * 199 + "…")],
)
def test_what_repeats_input_is_cut(text: str, short: str) -> None:
    assert frames.shorten(text) == short
