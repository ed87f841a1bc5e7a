"""Nodes that wait: what a pause is given, and what a person answers."""

from math import isfinite

from planners.validation.shapes import Known, ValueShape, of_schemas
from planners.validation.type_match import mismatch

_TEXT = {"type": "string"}
# The output of an approval.
ANSWER = of_schemas(
    [
        {
            "type": "object",
            "properties": {"approved": {"type": "boolean"}, "by": _TEXT, "comment": _TEXT, "answer": True},
            "additionalProperties": False,
        }
    ]
)


def pause_flaw(shape: ValueShape) -> str | None:
    """What is wrong with the seconds of a pause; None if nothing certainly is."""
    found = mismatch(shape, {"type": "number"}, {})
    if found is not None or (isinstance(shape, Known) and isinstance(shape.value, bool)):
        return f"wait takes a number of seconds, and this is {found.found if found else 'a boolean'}"
    if isinstance(shape, Known) and not (isfinite(shape.value) and shape.value >= 0):
        return f"wait takes seconds from now on, and this is {shape.value:g}"
    return None
