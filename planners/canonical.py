"""One way to write each step, so that two planners who mean the same work write the same work key.

Ids come from capabilities (``caption``, ``caption-2``); an optional input bound to nothing or to its default is left
out; literals have the type their schema asks for; a list of literals is one literal.
"""

import re
from collections.abc import Collection
from math import isfinite
from typing import Any

from planners.bindings import Binding, Gather, Value
from planners.interfaces import Interface, Schema, json_type, types
from planners.model import StepId
from planners.workflow import Step

# A float would round integers of more than fifteen digits, as ids often are.
_INTEGER = re.compile(r"\s*[+-]?\d{1,300}\s*", re.ASCII)
_OUTSIDE_IDS = re.compile(r"[^A-Za-z0-9_:/-]+")


def canonical_id(capability: str, taken: Collection[StepId]) -> StepId:
    """The first free id made of the capability's name: ``name``, ``name-2``, ``name-3``, ..."""
    name = _OUTSIDE_IDS.sub("_", capability)[:150].lstrip(":/-") or "step"
    number, free = 1, StepId(name)
    while free in taken:
        number += 1
        free = StepId(f"{name}-{number}")
    return free


def canonical_inputs(step: Step, interface: Interface) -> dict[str, Binding]:
    """The step's bindings in canonical form, sorted by name."""
    bound: dict[str, Binding] = {}
    for name, binding in sorted(step.inputs.items()):
        schema = interface.inputs.get(name, {})
        plain = _plain(binding, schema)
        if name in interface.required or not _says_nothing(plain, schema):
            bound[name] = plain
    return bound


def _says_nothing(binding: Binding, schema: Schema) -> bool:
    if not isinstance(binding, Value):
        return False
    if binding.value is None:
        return True
    return "default" in schema and _same(binding.value, schema["default"])


def _same(left: Any, right: Any) -> bool:
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _plain(binding: Binding, schema: Schema) -> Binding:
    match binding:
        case Value(value=value):
            return Value(value=typed(value, schema))
        case Gather(gather=parts) if parts and all(isinstance(part, Value) for part in parts):
            return Value(value=[part.value for part in parts if isinstance(part, Value)])
        case _:
            return binding


def typed(value: Any, schema: Schema) -> Any:
    """A literal as the type its schema asks for, where that loses nothing: "5" as 5, 5.0 as 5, 5 as "5"."""
    wanted = types(schema)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not wanted or json_type(value) in wanted or (json_type(value) == "integer" and "number" in wanted):
        return value
    if isinstance(value, str) and wanted & {"integer", "number"}:
        return _number(value)
    if json_type(value) in ("integer", "number") and wanted <= {"string", "null"}:
        return str(value)
    return value


def _number(text: str) -> Any:
    if _INTEGER.fullmatch(text):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return text
    # JSON knows neither infinity nor NaN, so such a word is a word.
    if not isfinite(number):
        return text
    return int(number) if number.is_integer() else number
