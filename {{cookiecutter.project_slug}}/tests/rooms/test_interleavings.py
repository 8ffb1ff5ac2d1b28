"""Whatever the order in which things happen: no gap, nothing twice, no recovery in part."""

import json

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from {{cookiecutter.__package}}.rooms.protocol.closes import Close

from .world import HISTORY, ROOM, Client, World

WHICH = st.integers(0, 1)
ANY = st.integers(0, 1_000)
USERS = st.sampled_from(["ann", "bea", "cas"])
ENDS = {None, Close.SERVICE_RESTART.row.code, Close.READS_TOO_SLOWLY.row.code}


class Interleavings(RuleBasedStateMachine):
    """Publishes, joins, leaves; lets messages travel; rings bells late, in disorder, or never."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.clients: list[Client] = []
        self.number = 0

    @rule(process=WHICH, count=st.integers(1, HISTORY + 1))
    def publish(self, process: int, count: int) -> None:
        for _ in range(count):
            self.number += 1
            manager = self.world.processes[process]
            self.world.start(manager.publish(ROOM, f"{self.number}", "ann"))

    @rule(process=WHICH, user=USERS, who=ANY, resumes=st.booleans())
    def join(self, process: int, user: str, who: int, *, resumes: bool) -> None:
        after = self.last_seen(who) if resumes else None
        client = Client(self.world.processes[process], user, after)
        self.clients.append(client)
        self.world.start(client.come())

    @rule(who=ANY)
    def leave(self, who: int) -> None:
        here = [one for one in self.clients if one.connection and not one.gone]
        if here:
            client = here[who % len(here)]
            client.gone = True
            self.world.start(client.leave())

    @rule(index=ANY)
    def arrive(self, index: int) -> None:
        if self.world.travelling:
            self.world.arrive(index)

    @rule()
    def flow(self) -> None:
        self.world.flow()

    @rule(index=ANY, lost=st.booleans())
    def ring(self, index: int, *, lost: bool) -> None:
        if self.world.bells:
            take, event = self.world.bells.pop(index % len(self.world.bells))
            if not lost:
                self.world.loop.call_soon(take, ROOM, event)
            self.world.run()

    @rule(process=WHICH)
    def check(self, process: int) -> None:
        self.world.start(self.world.processes[process].check())

    @invariant()
    def all_is_in_order(self) -> None:
        for client in self.clients:
            self.look_at(client)

    def look_at(self, client: Client) -> None:
        """A client hears a stretch of what was said, from where its welcome says."""
        assert client.closed in ENDS
        if client.welcome is None:
            assert {frame["type"] for frame in client.frames} <= {"service-restart"}
            return
        _ = client.members
        if client.after is None:
            assert client.welcome["recovered"] is None
        elif client.welcome["recovered"]:
            assert client.welcome["position"] == client.after
        follows = [one for one in self.world.said if one[0] > client.welcome["position"]]
        expected = [(position, one_said(text)) for position, text in follows]
        assert client.heard == expected[: len(client.heard)]

    def last_seen(self, who: int) -> str | None:
        """The last position that one of the clients saw."""
        told = [one for one in self.clients if one.welcome]
        if not told:
            return None
        client = told[who % len(told)]
        positions = [frame["position"] for frame in client.frames if "position" in frame]
        return str(positions[-1])

    def teardown(self) -> None:
        try:
            self.world.settle()
            self.all_is_in_order()
            for client in self.clients:
                if client.connection and not client.gone and client.closed is None:
                    self.has_all(client)
        finally:
            self.world.close()

    def has_all(self, client: Client) -> None:
        """Who stayed to the end misses nothing."""
        assert client.welcome
        follows = [one[0] for one in self.world.said if one[0] > client.welcome["position"]]
        assert [position for position, _ in client.heard] == follows
        here = {one.user for one in self.clients if one.connection and not one.connection.ending}
        assert client.members == here


def one_said(text: str) -> str:
    """The body of a message, as the log keeps it."""
    body: str = json.loads(text)["body"]
    return body


TestInterleavings = pytest.mark.timeout(600)(Interleavings.TestCase)
TestInterleavings.settings = settings(
    max_examples=5 * settings().max_examples,
    # To find the shortest failure takes minutes: add Phase.shrink for that.
    phases=(Phase.reuse, Phase.generate),
)
