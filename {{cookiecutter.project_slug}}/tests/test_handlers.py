"""What happens in the rooms, as `handlers.py` has it: tests of your own."""

from .contract.service import KEY, Service


async def test_the_others_are_told_who_types(service: Service) -> None:
    async with service.join("ann") as ann, service.join("bea") as bea:
        await ann.expect("joined", user="bea")
        await bea.send(type="typing")
        await ann.expect("user-typing", user="bea")
        await bea.expect_nothing()


async def test_a_caller_may_tell_who_types(service: Service) -> None:
    path = "/rooms/lobby/frames"
    async with service.join("ann") as ann:
        for user, status in [(7, 422), ("bea", 202)]:
            frame: dict[str, object] = {"type": "user-typing", "user": user}
            answer = await service.call("POST", path, headers=KEY, json={"frame": frame})
            assert answer.status_code == status
        await ann.expect("user-typing", user="bea")
