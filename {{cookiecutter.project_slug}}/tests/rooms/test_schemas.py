"""The names that schemas get, for frames of any shape."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from {{cookiecutter.__package}}.rooms.protocol.frames import Frame
from {{cookiecutter.__package}}.rooms.protocol.json_schemas import (
    frame_schemas,
    name_schemas,
)


class Line(BaseModel):
    article: str
    size: Literal["small", "large"]


class OrderStatus(BaseModel):
    status: Literal["new", "done"]


class Order(Frame):
    type: Literal["order"] = "order"
    urgency: Literal["low", "high"]
    lines: list[Line]
    stamps: list[Literal["red", "blue"]]
    prices: dict[str, dict[str, float]]
    status: OrderStatus | None = None
    pair: tuple[Literal["x"], Literal["y"]]
    payment: Annotated[str | int | list[str] | list[int], Field(title="How it is paid")]


class Cancel(Frame):
    type: Literal["cancel-order"] = "cancel-order"
    urgency: Literal["now", "later"]
    not_before: str


def schemas_of(*models: type[Frame]) -> dict[str, Any]:
    _, schemas = frame_schemas({"serialization": models}, "#/")
    name_schemas(schemas)
    return schemas


def titles(found: object) -> Iterator[str]:
    """Walk through everything, and take what has a type or options as a schema."""
    if isinstance(found, list):
        for one in found:
            yield from titles(one)
    elif isinstance(found, dict):
        if isinstance(found.get("type"), str) or "anyOf" in found:
            assert "title" in found, found
            yield found["title"]
        for one in found.values():
            yield from titles(one)


def test_every_schema_has_a_name_of_its_own() -> None:
    names = [name.lower() for name in titles(schemas_of(Order, Cancel))]
    assert len(names) == len(set(names))


def test_a_nested_schema_is_named_by_its_way_from_the_frame() -> None:
    schemas = schemas_of(Order, Cancel)
    order = schemas["Order"]["properties"]
    assert order["urgency"]["title"] == "OrderUrgency"
    assert schemas["Cancel"]["properties"]["urgency"]["title"] == "CancelUrgency"
    assert schemas["Cancel"]["properties"]["not_before"]["title"] == "CancelNotBefore"
    assert schemas["Line"]["properties"]["size"]["title"] == "LineSize"
    assert order["stamps"]["items"]["title"] == "OrderStampsItem"
    values = order["prices"]["additionalProperties"]
    assert values["title"] == "OrderPricesValue"
    assert values["additionalProperties"]["title"] == "OrderPricesValueValue"
    assert [one["title"] for one in order["payment"]["anyOf"]] == [
        "OrderPaymentString",
        "OrderPaymentInteger",
        "OrderPaymentArray",
        "OrderPaymentArray2",
    ]


def test_a_field_leaves_the_name_of_a_model_to_the_model() -> None:
    schemas = schemas_of(Order)
    assert schemas["OrderStatus"]["title"] == "OrderStatus"
    assert schemas["Order"]["properties"]["status"]["title"] == "OrderStatus2"


def test_a_reference_has_no_name() -> None:
    assert schemas_of(Order)["Order"]["properties"]["lines"]["items"] == {"$ref": "#/Line"}


def test_a_frame_always_has_its_type() -> None:
    assert schemas_of(Cancel)["Cancel"]["required"] == ["type", "urgency", "not_before"]


def test_a_frame_that_travels_both_ways_has_one_schema() -> None:
    references, schemas = frame_schemas({"validation": [Cancel], "serialization": [Cancel]}, "#/")
    assert list(references.values()) == [{"$ref": "#/Cancel"}] * 2
    assert schemas["Cancel"]["required"] == ["type", "urgency", "not_before"]
