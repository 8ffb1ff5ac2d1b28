"""The names that schemas get, for frames of any shape."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter

from {{cookiecutter.__package}}.rooms.protocol.asyncapi import describe
from {{cookiecutter.__package}}.rooms.protocol.frames import Frame
from {{cookiecutter.__package}}.rooms.protocol.json_schemas import (
    frame_schemas,
    name_schemas,
)
from {{cookiecutter.__package}}.rooms.protocol.own import Declared


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


# Bodies of messages.

Bodies = TypeAdapter[Any] | None
ANY_JSON = {"$ref": "#/components/schemas/JsonValue"}


class Text(BaseModel):
    kind: Literal["text"] = "text"
    text: str


class Edited(BaseModel):
    kind: Literal["edited"] = "edited"
    lines: list[Line]
    mood: Literal["glad", "sad"]
    before: "Edited | None" = None


def described(*bodies: Bodies) -> dict[str, Any]:
    """Describe a service whose handlers have such bodies; return its schemas."""
    own = Declared(bodies=[("Chat", body) for body in bodies])
    document: Any = describe("", "", "", "", own)
    names = [name.lower() for name in titles(document["components"]["schemas"])]
    assert len(names) == len(set(names))
    schemas: dict[str, Any] = document["components"]["schemas"]
    return schemas


def body_of(schemas: dict[str, Any], frame: str) -> dict[str, Any]:
    body: dict[str, Any] = schemas[frame]["properties"]["body"]
    return body


def reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def test_typed_bodies_are_described_in_both_directions() -> None:
    schemas = described(TypeAdapter(Text | Edited))
    for frame, mode in [("Message", "Input"), ("MessageEvent", "Output")]:
        options = [reference("Text"), reference(f"Edited-{mode}")]
        assert body_of(schemas, frame) == {"title": f"{frame}Body", "anyOf": options}
        assert schemas[f"Edited-{mode}"]["title"] == f"Edited{mode}"
    assert schemas["Text"]["required"] == ["text"]
    assert schemas["Edited-Input"]["properties"]["mood"]["title"] == "EditedInputMood"
    assert schemas["Line"]["properties"]["size"]["title"] == "LineSize"


def test_one_type_of_bodies_is_referred_to() -> None:
    schemas = described(TypeAdapter(Text))
    assert body_of(schemas, "Message") == body_of(schemas, "MessageEvent") == reference("Text")


def test_bodies_of_all_handlers_are_described() -> None:
    body = body_of(described(TypeAdapter(Text), None, TypeAdapter(Text | int)), "MessageEvent")
    integer = {"title": "MessageEventBodyInteger", "type": "integer"}
    assert body["anyOf"] == [reference("Text"), ANY_JSON, integer]


def test_bodies_without_a_type_are_any_json() -> None:
    for bodies in ([], [None], [None, None]):
        assert body_of(described(*bodies), "Message") == ANY_JSON


def test_a_discriminator_that_asyncapi_does_not_know_is_left_out() -> None:
    bodies: Bodies = TypeAdapter(Annotated[Text | Edited, Field(discriminator="kind")])
    body = body_of(described(bodies), "Message")
    assert body == {"title": "MessageBody", "oneOf": [reference("Text"), reference("Edited-Input")]}
