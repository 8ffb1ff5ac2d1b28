"""The ways into each ending of a connection, and into refusals of its handshake."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import ClientSession

from ..fleet import sign
from .driving import Client
from .visit import Report, Sent, Visit

LOCKED, FULL = "locked", "full"
LATER = "TOKEN_EXPIRED, while connected"
AT_ONCE = "TOO_BIG, 1 MB sent at once"
_BROWSERS = {"Chromium", "Firefox"}
_W3C = {*_BROWSERS, "faye-websocket", "Node.js", "Bun"}
_FLOOD: list[Sent] = [("text", '{"type":"ping"}', 1)] * 50


@dataclass(frozen=True)
class Way:
    """A visit, and what happens once the client is in the room."""

    visit: Visit
    then: Callable[[], Awaitable[None]] | None = None


class Guide:
    """Leads one client, which has a name and a room of its own."""

    def __init__(self, name: str, address: str, http: ClientSession) -> None:
        self.name = name
        self.user = "".join(letter for letter in name.lower() if letter.isalpha())
        self._address = address
        self._http = http

    async def prepare(self) -> None:
        """Make the client's rooms, in which nobody is told who else comes and goes."""
        for room in (self.user, f"{self.user}-closed"):
            await self._call("POST", "/rooms", {"name": room, "presence": False})

    def token(self, **claims: Any) -> str:
        """Sign a token of the client."""
        return sign(**{"user": self.user, "room": self.user, **claims})

    def way(
        self, room: str = "", token: str = "", then: tuple[str, str] | None = None, **more: Any
    ) -> Way:
        """Describe a visit to a room; `then` is an HTTP call."""
        protocols = ["rooms.v1", *([f"bearer.{token}"] if token else [])]
        url = f"ws://{self._address}/ws/{room or self.user}"
        visit = Visit(url, protocols, **more)
        return Way(visit, (lambda: self._call(*then)) if then else None)

    def can_go(self, way: Way) -> bool:
        """Return whether the client can send what is needed: W3C's interface makes valid text."""
        return self.name not in _W3C or all(kind != "invalid" for kind, *_ in way.visit.at_welcome)

    def ask_for(self, name: str) -> Way:
        """Ask the service itself for an ending, as it allows with DEBUG."""
        return self.way(at_welcome=[("text", f'{{"type":"debug-close","close":"{name}"}}', 1)])

    def from_elsewhere(self) -> Way:
        """Come from an origin that is not the service's."""
        visit = self.way().visit
        if self.name in _BROWSERS:
            # A page can't choose its origin, so the service gets another name.
            return Way(replace(visit, url=visit.url.replace("127.0.0.1", "localhost")))
        return Way(replace(visit, origin="http://example.org"))

    def to_no_path(self) -> Way:
        """Ask for a path that is not there."""
        return Way(replace(self.way().visit, url=f"ws://{self._address}/nowhere"))

    def with_bearer_alone(self) -> Way:
        """Offer a token as the only subprotocol."""
        visit = self.way(leave=True).visit
        return Way(replace(visit, protocols=[f"bearer.{self.token()}"]))

    async def _call(self, method: str, path: str, body: object = None) -> None:
        await self._http.request(method, path, json=body)


# How to reach rows of the table of closes as a client would, two of them in a second way. Other
# rows are slow or hard to reach: the service is asked for them.
ENDINGS: dict[str, Callable[[Guide], Way]] = {
    "ROOM_NOT_FOUND": lambda to: to.way("nowhere"),
    "TOKEN_REQUIRED": lambda to: to.way(LOCKED),
    "TOKEN_INVALID": lambda to: to.way(token="no.such.token"),  # noqa: S106 (of nobody)
    "TOKEN_EXPIRED": lambda to: to.way(token=to.token(seconds=-10)),
    "WRONG_ROOM": lambda to: to.way(token=to.token(room="elsewhere")),
    "REMOVED": lambda to: to.way(
        token=to.token(user=f"{to.user}-removed"),
        then=("DELETE", f"/rooms/{to.user}/members/{to.user}-removed"),
    ),
    "BINARY_FRAME": lambda to: to.way(at_welcome=[("binary", "x", 1)]),
    "INVALID_UTF8": lambda to: to.way(at_welcome=[("invalid", "", 1)]),
    "TOO_BIG": lambda to: to.way(at_welcome=[("text", "x", 70_000)]),
    "TOO_MANY_MESSAGES": lambda to: to.way(at_welcome=_FLOOD),
    "ROOM_FULL": lambda to: to.way(FULL),
    "ROOM_CLOSED": lambda to: to.way(
        f"{to.user}-closed", then=("DELETE", f"/rooms/{to.user}-closed")
    ),
    # Long enough for a busy machine to connect in.
    LATER: lambda to: to.way(token=to.token(seconds=4)),
    AT_ONCE: lambda to: to.way(at_open=[("text", "x", 1_000_000)]),
}
# What the table of closes does not list.
OTHERS: dict[str, Callable[[Guide], Way]] = {
    "leaves": lambda to: to.way(leave=True),
    "origin": Guide.from_elsewhere,
    "path": Guide.to_no_path,
    "bearer": Guide.with_bearer_alone,
}


async def lead(client: Client, way: Way) -> Report:
    """Make a visit and what follows, until the client reports."""
    report = await client.begin(way.visit)
    if report:
        return report
    if way.then:
        await way.then()
    return await client.finish()
