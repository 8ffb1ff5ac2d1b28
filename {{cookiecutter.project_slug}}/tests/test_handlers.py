"""What happens in the rooms, as `handlers.py` has it: tests of your own."""

from collections.abc import Callable

import pytest

from {{cookiecutter.__package}}.handlers import Chat
from {{cookiecutter.__package}}.rooms import Service
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager

from .serving import Start


@pytest.fixture
def chat(make_manager: Callable[..., ConnectionManager]) -> ConnectionManager:
    """A manager with your handlers."""
    return make_manager(service=Service(handlers=[Chat()]))


async def test_the_others_are_told_who_types(chat: ConnectionManager, start: Start) -> None:
    async with start(chat) as service, service.join("ann") as ann, service.join("bea") as bea:
        await ann.expect("joined", user="bea")
        await bea.send(type="typing")
        await ann.expect("user-typing", user="bea")
        await bea.expect_nothing()
