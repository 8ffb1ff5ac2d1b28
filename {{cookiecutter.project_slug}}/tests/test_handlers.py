"""What happens in the rooms, as `handlers.py` has it: tests of your own."""

from collections.abc import Callable

import pytest

from {{cookiecutter.__package}}.handlers import Chat
from {{cookiecutter.__package}}.rooms import Service
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager

from .contract.service import KEY
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


async def test_a_caller_may_tell_who_types(chat: ConnectionManager, start: Start) -> None:
    path = "/rooms/lobby/frames"
    cases: list[tuple[dict[str, object], int]] = [({}, 422), ({"user": 7}, 422)]
    async with start(chat) as service, service.join("ann") as ann:
        for fields, status in [*cases, ({"user": "bea"}, 202)]:
            frame: dict[str, object] = {"type": "user-typing", **fields}
            answer = await service.call("POST", path, headers=KEY, json={"frame": frame})
            assert answer.status_code == status
        await ann.expect("user-typing", user="bea")
