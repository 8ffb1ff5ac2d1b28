"""Pages and the page's client tell of the settings and the closes that the code has."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field
from scripts.own import own_page
from scripts.typescript import own_types
from scripts.written import written

from {{cookiecutter.__package}}.rooms import (
    Advice,
    Client,
    CloseRow,
    CloseSpec,
    FromClient,
    JoinRequest,
    RoomHandler,
    Service,
    ToClient,
    on,
)


@pytest.mark.parametrize("path", written(), ids=lambda path: path.name)
def test_a_file_tells_what_the_code_has(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == written()[path], (
        "run `uv run python -m scripts.written`"
    )


class Line(BaseModel):
    size: Literal["small", "large"]


class Order(FromClient):
    """Order something."""

    type: Literal["order"] = "order"
    lines: list[Line]


class Receipt(ToClient):
    """What an order costs."""

    type: Literal["receipt"] = "receipt"
    price: float


class Text(BaseModel):
    """What somebody says.

    It is plain text.
    """

    text: str
    sent: int | None = Field(None, alias="sent-at")


class Folder(BaseModel):
    folders: list["Folder"]


class Ending(CloseRow):
    TIRED = CloseSpec(4001, "Tired", Advice.RETURN_AFTER_DELAY, "It is late.", "good-night")


class Shop(RoomHandler):
    closes = Ending

    @on(Order)
    async def order(self, client: Client, frame: Order) -> None: ...


class Team(RoomHandler[None, Text | Folder | Literal["bye"]]):
    rooms = ("team-*", "staff")
    capacity = 20
    presence = False

    async def authorize(self, request: JoinRequest) -> None: ...


class Desk(RoomHandler):
    rooms = "desk-*"
    keep = 60

    async def authorize(self, request: JoinRequest) -> None: ...


SERVICE = Service(handlers=[Shop(), Team(), Desk()])
OWN = SERVICE.declared("nobody")._replace(sent=[Receipt])
TYPES = """\
export type FolderInput = { folders: (FolderInput)[] };
export type FolderOutput = { folders: (FolderOutput)[] };
export type Line = { size: "small" | "large" };
export type Order = { type: "order"; lines: (Line)[] };
export type Receipt = { type: "receipt"; ref?: string; price: number };
export type Text = { text: string; "sent-at"?: number | null };

/** What clients send, by `type`. */
export interface OwnClientFrames {
  "order": Order;
}

/** What clients get, by `type`. */
export interface OwnServerFrames {
  "receipt": Receipt;
}

/** What comes before some closes, by `type`. */
export interface OwnLastWords {
  "good-night": { type: "good-night"; retry_after: number };
}

/** What clients publish, by the room's handler. */
export interface OwnClientBodies {
  "Team": Text | FolderInput | "bye";
  "Desk": unknown;
  "Shop": unknown;
}

/** What messages bring, by the room's handler. */
export interface OwnServerBodies {
  "Team": Text | FolderOutput | "bye";
  "Desk": unknown;
  "Shop": unknown;
}
"""


def test_types_tell_what_a_service_adds() -> None:
    assert own_types(OWN) == TYPES


@pytest.mark.parametrize(
    "line",
    [
        "| `order` | `lines` | Order something. |",
        "| `receipt` | `price` | What an order costs. |",
        "| `Text` | `text`, `sent-at` | What somebody says. |",
        "| `TIRED` | 4001 | `Tired` | good-night | come back after `retry_after` |",
    ],
)
def test_the_page_tells_what_a_service_adds(line: str) -> None:
    assert f"{line}\n" in own_page(SERVICE, OWN)


def test_the_page_lists_handlers_in_the_order_in_which_they_are_tried() -> None:
    assert """
| `team-*`, `staff` | `Team` | `Text` or `Folder` or `"bye"` | 20 | no | 3600 s |
| `desk-*` | `Desk` | any JSON | `ROOM_CAPACITY` | yes | 60 s |
| those that were created | `Shop` | any JSON | as created | as created | |
""" in own_page(SERVICE, OWN)


def test_created_rooms_without_a_handler_have_that_of_the_service() -> None:
    service = Service(handlers=[Team()])
    page = own_page(service, service.declared("nobody"))
    assert "| those that were created | `RoomHandler` | any JSON |" in page
