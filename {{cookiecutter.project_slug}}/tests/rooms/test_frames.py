"""Frames by themselves."""

import pytest
from pydantic import JsonValue

from {{cookiecutter.__package}}.rooms.clock import rfc3339
from {{cookiecutter.__package}}.rooms.protocol import frames
from {{cookiecutter.__package}}.rooms.protocol.events import Entry


@pytest.mark.parametrize("message_id", [None, "m1"])
@pytest.mark.parametrize("body", ["hello", None, {"a": [1, 0.5, True, 'ü\u2028"']}])
def test_a_message_is_written_as_its_model_has_it(body: JsonValue, message_id: str | None) -> None:
    entry = Entry(epoch=1, offset=2, text=frames.encode_payload("ann", body, "now", message_id))
    model = frames.MessageEvent(
        position=str(entry.position), sender="ann", body=body, at="now", id=message_id
    )
    assert frames.encode_entry(entry).text == frames.encode(model).text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1.001, "1970-01-01T00:00:01.001Z"),
        (1.9996, "1970-01-01T00:00:02.000Z"),
    ],
)
def test_a_time_is_written_to_the_millisecond(seconds: float, text: str) -> None:
    assert rfc3339(seconds) == text


@pytest.mark.parametrize(
    ("text", "short"),
    [("x" * 200, "x" * 200), ("x" * 201, "x" * 199 + "…"), ("x" * 5_000, "x" * 199 + "…")],
)
def test_what_repeats_input_is_cut(text: str, short: str) -> None:
    assert frames.shorten(text) == short
