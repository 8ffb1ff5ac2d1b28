"""One client, without a room."""

from collections.abc import Callable

import pytest

from {{cookiecutter.__package}}.rooms.connections.connection import (
    Connection,
    State,
)
from {{cookiecutter.__package}}.rooms.protocol.closes import Close

from ..fakes import Socket, make_connection

Step = Callable[[Connection], None]
STEPS: dict[State, Step] = {
    State.JOINING: Connection.join,
    State.OPEN: Connection.open,
    State.CLOSING: lambda one: one.close(Close.ROOM_CLOSED),
    State.CLOSED: lambda one: one.forget(None),
}
ALLOWED = {
    State.CONNECTING: {State.JOINING, State.CLOSING},
    State.JOINING: {State.OPEN, State.CLOSING},
    State.OPEN: {State.CLOSING},
    State.CLOSING: {State.CLOSED},
    State.CLOSED: set(),
}


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
async def test_a_connection_takes_no_step_back_and_skips_none(state: State) -> None:
    for after, step in STEPS.items():
        connection = make_connection(Socket().transport)
        for reached in State:
            if State.CONNECTING < reached <= state:
                STEPS[reached](connection)
        if after in ALLOWED[state]:
            step(connection)
            assert connection.state is after
        else:
            with pytest.raises(RuntimeError, match=f"from {state.name} to {after.name}"):
                step(connection)
            assert connection.state is state
        await connection.abandon()


async def test_what_the_server_closed_with_counts_as_it_was_on_the_wire() -> None:
    connection = make_connection(Socket().transport)
    connection.close(Close.REMOVED)
    await connection.abandon()
    connection.forget(Close.TOO_BIG)
    assert connection.closed_with is Close.TOO_BIG
