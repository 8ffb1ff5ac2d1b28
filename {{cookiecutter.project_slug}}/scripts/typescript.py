"""The types of what your code adds, as TypeScript has them."""

import json
from collections.abc import Mapping

from {{cookiecutter.__package}}.rooms.protocol.asyncapi import last_words_schemas
from {{cookiecutter.__package}}.rooms.protocol.json_schemas import (
    Models,
    Schema,
    frame_schemas,
    type_name,
)
from {{cookiecutter.__package}}.rooms.protocol.own import Declared, kind_of

_TYPES = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
    "object": "Record<string, unknown>",
}
# Rather than null it is left out.
_REF = {"type": "string"}


def own_types(own: Declared) -> str:
    """Declare the types of frames, last words and bodies, and of the models in them."""
    frames: Models = {"validation": own.received, "serialization": own.sent}
    references, schemas = frame_schemas(frames, "", [body for _, body in own.bodies])
    received = {kind_of(one): references[one, "validation"] for one in own.received}
    sent = {kind_of(one): references[one, "serialization"] for one in own.sent}
    for reference in received.values():
        # The client's `request` makes it.
        del schemas[reference["$ref"]]["properties"]["ref"]
    for reference in sent.values():
        schemas[reference["$ref"]]["properties"]["ref"] = _REF
    named = (f"export type {type_name(key)} = {typed(one)};\n" for key, one in schemas.items())
    published, kept = (
        {name: references.get((body, mode), {}) for name, body in own.bodies} for mode in frames
    )
    words = last_words_schemas(own.closes)
    parts = (
        "".join(named),
        _interface("OwnClientFrames", "What clients send, by `type`.", received),
        _interface("OwnServerFrames", "What clients get, by `type`.", sent),
        _interface("OwnLastWords", "What comes before some closes, by `type`.", words),
        _interface("OwnClientBodies", "What clients publish, by the room's handler.", published),
        _interface("OwnServerBodies", "What messages bring, by the room's handler.", kept),
    )
    return "\n".join(filter(None, parts))


def members(schemas: Mapping[str, Schema], indent: str = "  ") -> str:
    """Write members of an interface, a line each."""
    return "".join(f'{indent}"{key}": {typed(schema)};\n' for key, schema in schemas.items())


def _interface(name: str, meaning: str, schemas: Mapping[str, Schema]) -> str:
    parts = (meaning, name, members(schemas))
    return "/** %s */\nexport interface %s {\n%s}\n" % parts  # noqa: UP031 (braces)


def typed(schema: Schema) -> str:
    """Write a JSON Schema as a type of TypeScript; what it can't tell is `unknown`."""
    if "$ref" in schema:
        return type_name(schema["$ref"])
    if "const" in schema or "enum" in schema:
        return " | ".join(json.dumps(one) for one in schema.get("enum", [schema.get("const")]))
    if options := schema.get("anyOf", schema.get("oneOf")):
        return " | ".join(map(typed, options))
    if schema.get("type") == "array":
        return f"({typed(schema.get('items', {}))})[]"
    if "properties" in schema:
        required = schema.get("required", ())
        fields = (
            f"{name if name.isidentifier() else json.dumps(name)}"
            f"{'' if name in required else '?'}: {typed(one)}"
            for name, one in schema["properties"].items()
        )
        return "{ %s }" % "; ".join(fields)  # noqa: UP031 (braces)
    return _TYPES.get(schema.get("type", ""), "unknown")
