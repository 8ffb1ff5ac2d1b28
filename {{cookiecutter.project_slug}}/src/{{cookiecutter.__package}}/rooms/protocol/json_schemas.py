"""JSON Schemas of the frames, each with a name that code generators can give to a type."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, count
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from .frames import Frame

Schema = dict[str, Any]
Models = Mapping[JsonSchemaMode, Sequence[type[Frame]]]
Bodies = Iterable[TypeAdapter[Any] | None]
References = Mapping[tuple[Any, JsonSchemaMode], Schema]

_WORD = re.compile(r"[^\W_]+")
# Keywords that hold one schema, and what its name adds to the one around it.
_SINGLE = {"items": "Item", "additionalProperties": "Value"}
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")


def frame_schemas(models: Models, prefix: str, bodies: Bodies = ()) -> tuple[References, Schema]:
    """Write the schemas of frames, of the bodies of messages, and of the models in them.

    Returns:
        A reference to each frame's schema, which is `prefix` and a key, and the schema of each
        body in each mode; and the schemas by key.
    """
    frames = [(model, mode, TypeAdapter(model)) for mode in models for model in models[mode]]
    typed = [(body, mode, body) for mode in models for body in bodies if body]
    references, document = TypeAdapter.json_schemas(
        [*frames, *typed], ref_template=prefix + "{model}"
    )
    schemas: Schema = document.get("$defs", {})
    for model, mode, _ in frames:
        # Its default makes `type` optional in the model, but no frame goes without it.
        schema = schemas[references[model, mode]["$ref"].removeprefix(prefix)]
        schema["required"] = list(dict.fromkeys(["type", *schema.get("required", ())]))
    return references, schemas


def any_of(options: Iterable[Schema]) -> Schema:
    """Combine schemas into one that takes what any of them takes."""
    flat = [one for option in options for one in option.get("anyOf", [option])]
    different = [one for index, one in enumerate(flat) if one not in flat[:index]]
    return {"anyOf": different} if len(different) > 1 else different[0]


def type_name(text: str) -> str:
    """Turn a key, such as `retry_after` or `jwt-expired`, into the name of a type."""
    return "".join(word[0].upper() + word[1:] for word in _WORD.findall(text))


def name_schemas(schemas: Mapping[str, Schema]) -> None:
    """Give every schema a title: its key, or the path to it from the schema that has the key.

    Generators name types after titles, across the whole document, and some change the case of
    letters. So titles are unique whatever their case, and replace those that models declare.
    """
    names = {key: type_name(key) for key in schemas}
    taken = {name.lower() for name in names.values()}
    for key, schema in schemas.items():
        schema["title"] = names[key]
        _name_nested(schema, taken)


def _name_nested(schema: Schema, taken: set[str]) -> None:
    # AsyncAPI's is another, which can't tell what a value means.
    schema.pop("discriminator", None)
    for part, nested in _nested(schema):
        # A reference takes the title of the schema that it refers to.
        if "$ref" not in nested:
            nested["title"] = _free(schema["title"] + type_name(part), taken)
            taken.add(nested["title"].lower())
            _name_nested(nested, taken)


def _nested(schema: Schema) -> Iterator[tuple[str, Schema]]:
    yield from schema.get("properties", {}).items()
    for keyword in _LISTS:
        for option in schema.get(keyword, ()):
            yield option.get("type", "Option"), option
    for keyword, part in _SINGLE.items():
        # `additionalProperties` may be a bool.
        if isinstance(nested := schema.get(keyword), dict):
            yield part, nested


def _free(name: str, taken: set[str]) -> str:
    names = chain([name], (f"{name}{number}" for number in count(2)))
    return next(one for one in names if one.lower() not in taken)
