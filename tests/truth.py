"""Holds what each client heard against the log that the service keeps in Redis."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from redis import Redis

from .chaos import ROOMS, Client, Crowd, Frame
from .fleet import Fleet
from .project import FORMAT, Project
from .redis_server import RedisServer

Log = list[Frame]


@dataclass(frozen=True)
class Stage:
    """A project, and a Redis that is not yet started."""

    project: Project
    server: RedisServer

    def fleet(self, url: str = "") -> Fleet:
        """Processes on this Redis."""
        return Fleet(self.project, url or self.server.url, ROOMS)

    def log(self, room: str) -> Log:
        """Read from Redis what was said in a room, as clients should have heard it."""
        with Redis.from_url(self.server.url, decode_responses=True) as redis:
            log = f"{self.project.package.name}:{FORMAT}:{{{room}}}:messages"
            entries: Any = redis.xrange(log)
        return [
            {"type": "message", "position": position(name), **json.loads(fields["text"])}
            for name, fields in entries
        ]


async def settle(crowd: Crowd, stage: Stage, codes: set[int]) -> None:
    """Let a crowd that talks end its talk, and hold what each heard against the log."""
    await crowd.hear_more()
    try:
        await crowd.fall_silent()
        await crowd.hear_up_to({room: stage.log(room)[-1]["position"] for room in ROOMS})
    finally:
        # It names what was waited for in vain.
        hold_against({room: stage.log(room) for room in ROOMS}, crowd, codes)
    await crowd.see_each_other()


def hold_against(logs: Mapping[str, Log], crowd: Crowd, codes: set[int]) -> None:
    """Fail if anybody heard anything but what the logs have, or these have not what was said."""
    found = [problem for client in crowd.clients for problem in problems(client, logs, codes)]
    found += [problem for room, log in logs.items() for problem in unsaid(room, log, crowd)]
    assert not found, "\n".join([f"{len(found)} problems:", *found[:10]])


def position(entry: str) -> str:
    """Write the name of a stream's entry as a position."""
    epoch, offset = map(int, entry.split("-"))
    return f"{epoch:013x}-{offset:012d}"


def problems(client: Client, logs: Mapping[str, Log], codes: set[int]) -> Iterator[str]:
    """Say what one client should not have seen, and where it and the log part."""
    who = f"{client.name} in {client.room}"
    yield from (f"{who} {fault}" for fault in client.faults)
    if unexpected := client.closes.keys() - codes:
        yield f"{who} was closed with {sorted(unexpected)}"
    due = [frame for frame in logs[client.room] if frame["position"] > client.first]
    if difference := first_difference([json.loads(one) for one in client.heard], due):
        yield f"{who} {difference}"


def first_difference(heard: Sequence[Frame], due: Sequence[Frame]) -> str | None:
    """Word the first difference between what was heard and what should have been."""
    for number, (got, wanted) in enumerate(zip_longest(heard, due)):
        if got == wanted:
            continue
        if wanted is None:
            how = "twice" if got in heard[:number] else "though the log has not got it"
            return f"heard message {number}, {got}, {how}"
        how = "out of order: then came" if wanted in heard else "never: there came"
        return f"heard message {number}, {wanted}, {how} {got}"
    return None


def unsaid(room: str, log: Log, crowd: Crowd) -> Iterator[str]:
    """Say what the log has not got once of what was said in a room, or has of nobody."""
    said = [one for client in crowd.clients if client.room == room for one in client.said]
    found = Counter(frame["id"] for frame in log)
    yield from (
        f"{one} is {found[one]} times in the log of {room}" for one in said if found[one] != 1
    )
    yield from (
        f"{one} in the log of {room} was said by nobody" for one in found.keys() - set(said)
    )
