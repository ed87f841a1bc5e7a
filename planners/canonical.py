"""Canonical steps: one way to write each step, so that two planners give equal work the same work key.

Ids come from capabilities (``caption``, ``caption-2``); optional inputs bound to null or to their default are left out;
literals have the type that the schema requires; a list of literals is one literal.
"""

import re
from collections.abc import Collection
from math import isfinite
from typing import Any

from planners.bindings import Binding, Gather, Value, leaves, shorthand
from planners.interfaces import Interface, Schema, json_type, types
from planners.model import StepId
from planners.workflow import Step

# Parsed as integers, because a float rounds more than fifteen digits, which ids often have.
_INTEGER = re.compile(r"\s*[+-]?\d{1,300}\s*", re.ASCII)
_OUTSIDE_IDS = re.compile(r"[^A-Za-z0-9_:/-]+")


def canonical_id(capability: str, taken: Collection[StepId]) -> StepId:
    """The first free id of the series ``name``, ``name-2``, ``name-3``, ... made from the capability."""
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
        canonical = _canonical(binding, schema)
        if name in interface.required or not _is_default(canonical, schema):
            bound[name] = canonical
    return bound


def _is_default(binding: Binding, schema: Schema) -> bool:
    if not isinstance(binding, Value):
        return False
    if binding.value is None:
        return True
    return "default" in schema and _same(binding.value, schema["default"])


def _same(left: Any, right: Any) -> bool:
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _canonical(binding: Binding, schema: Schema) -> Binding:
    if isinstance(binding, Value):
        return Value(value=typed(binding.value, schema))
    literals = [leaf for leaf in leaves(binding) if isinstance(leaf, Value)] if isinstance(binding, Gather) else []
    if literals and len(literals) == sum(1 for _ in leaves(binding)):
        return Value(value=shorthand(binding))
    return binding


def typed(value: Any, schema: Schema) -> Any:
    """A literal converted to the type of its schema if nothing is lost: "5" to 5, 5.0 to 5, 5 to "5"."""
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
    # JSON has neither infinity nor NaN, so such a text stays a text.
    if not isfinite(number):
        return text
    return int(number) if number.is_integer() else number
