"""JSON schemas as lists of alternatives."""

from collections.abc import Iterator, Mapping
from typing import Any


def variants(schema: Any, root: Any, depth: int = 0) -> Iterator[Any]:
    """The schema with references followed and alternatives listed; True stands for what is not understood."""
    if not isinstance(schema, Mapping) or depth > 32:
        yield True
    elif "$ref" in schema:
        yield from variants(_pointed(root, schema["$ref"]), root, depth + 1)
    elif "anyOf" in schema or "oneOf" in schema:
        for option in schema.get("anyOf", schema.get("oneOf", ())):
            yield from variants(option, root, depth + 1)
    elif isinstance(schema.get("type"), str) and "allOf" not in schema:
        yield schema
    elif isinstance(schema.get("type"), list) and "allOf" not in schema:
        yield from ({**schema, "type": kind} for kind in schema["type"])
    else:
        yield True


def _pointed(root: Any, pointer: str) -> Any:
    if not pointer.startswith("#/"):
        return True
    for name in pointer[2:].split("/"):
        if not isinstance(root, Mapping) or name not in root:
            return True
        root = root[name]
    return root
