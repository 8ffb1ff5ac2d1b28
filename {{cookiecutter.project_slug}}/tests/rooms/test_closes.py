"""The close table by itself."""

import pytest

from {{cookiecutter.__package}}.rooms.protocol.closes import Close, CloseConnection

ROWS = pytest.mark.parametrize("close", list(Close), ids=lambda close: close.name)


@ROWS
def test_a_reason_fits_into_a_close_frame(close: Close) -> None:
    assert len((close.row.reason or "").encode()) <= 123


@ROWS
def test_a_code_may_be_sent_by_a_server(close: Close) -> None:
    sendable = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
    assert close.row.code in sendable


def test_no_two_rows_look_the_same_to_a_client() -> None:
    rows = [(close.row.code, close.row.reason) for close in Close]
    assert len(rows) == len(set(rows))


def test_an_error_says_how_the_connection_ends() -> None:
    error = CloseConnection(Close.ROOM_FULL)
    assert (str(error), error.close) == ("Room is full", Close.ROOM_FULL)
