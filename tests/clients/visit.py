"""What a client is asked to do with one connection, and what its own interface reports of it."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

# How to send it, the text, and how often the text is repeated in the one frame.
Sent = tuple[Literal["text", "binary", "invalid"], str, int]


@dataclass(frozen=True)
class Visit:
    """One connection: what to offer, what to send at the open or after the `welcome`."""

    url: str
    protocols: list[str]
    origin: str | None = None
    at_open: list[Sent] = field(default_factory=list)
    at_welcome: list[Sent] = field(default_factory=list)
    leave: bool = False


@dataclass
class Report:
    """What a client was told, as its own interface names it; None: it has no such thing."""

    told: str = ""
    code: int | None = None
    reason: str | None = None
    clean: bool | None = None
    status: int | None = None
    heard: list[str] = field(default_factory=list)

    def hear(self, text: str | bytes) -> bool:
        """Note a frame; return whether it is the `welcome`, after which a client acts."""
        self.heard.append(json.loads(text)["type"])
        return self.heard == ["welcome"]


def payload(sent: Sent) -> str | bytes:
    """Make what is sent: bytes go into a binary frame, or into a text that is not UTF-8."""
    kind, text, times = sent
    return text * times if kind == "text" else text.encode() * times + b"\xff"


def welcome() -> None:
    """Tell whoever leads this client that it is in the room."""
    print(json.dumps("welcome"), flush=True)


def serve(visit: Callable[[Visit], Report]) -> None:
    """Make each visit that a line of the standard input describes; print what was reported."""
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        print(json.dumps(asdict(visit(Visit(**asked)))), flush=True)
