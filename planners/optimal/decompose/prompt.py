"""The prompt: the rules, the capabilities, the goal, and the kinds (never the values) of its inputs."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from planners import bindings
from planners.bindings import Computed, Leaf, Value, fold_binding
from planners.interfaces import Interface, Schema, json_type, types
from planners.optimal.decompose.goals import GoalText
from planners.workflow import Step

RULES = """\
You plan workflows. Break the goal into the fewest steps that reach it, each done by one capability of the list below.

Rules
- Answer with one JSON object: {"steps": [{"id": "s1", "capability": "...", "inputs": {...}, "after": []}, ...]}.
- Write the steps in the order they can run: a step comes after all steps it reads.
- An input is bound to exactly one of: a task input "$inputs.NAME" (or a part of it, "$inputs.NAME.0.FIELD"); the output
  of an earlier step "$steps.ID" (or a part of it, "$steps.ID.FIELD"); a literal copied word for word from the goal; a
  list of these. Bind every required input. Leave an optional input null unless the goal asks for something.
- Where a task input holds a value, refer to it; do not repeat it. Never make values up, and write no prose into inputs.
- Steps that do not read each other run at the same time. Use "after" only for an order that no input expresses.
- Use no capability and no input that is not listed.
"""


def system_text(offered: Iterable[Interface]) -> str:
    """The rules and the capabilities: the same for every goal, so a provider can cache it."""
    return RULES + "\nCapabilities\n" + "\n".join(_line(interface) for interface in offered)


def goal_text(goal: GoalText) -> str:
    """The goal and the inputs it may use. Values are not sent: they may be private, and bindings do not need them."""
    kinds = [f"- $inputs.{name}: {sketch(value)}" for name, value in goal.inputs.items()]
    kinds += [f"- $inputs.{name}: made by another step" for name in goal.later]
    return f"Goal\n{goal.text}\n\nTask inputs\n" + ("\n".join(kinds) or "none")


def repair_text(problem: str, confirmed: Iterable[Step]) -> str:
    """The problem and the steps that are kept, so that the answer continues from there."""
    lines = [json.dumps(shorthand(step), ensure_ascii=False) for step in confirmed]
    kept = (
        "These steps are accepted; do not write them again:\n" + "\n".join(lines) if lines else "No step is accepted."
    )
    return f"That answer cannot run: {problem}\n{kept}\nWrite the remaining steps, with ids not used yet."


def shorthand(step: Step) -> dict[str, Any]:
    """A step as the LLM writes it."""
    inputs = {name: fold_binding(binding, _short, list, dict, _expression) for name, binding in step.inputs.items()}
    return {"id": step.id, "capability": step.capability, "inputs": inputs, "after": list(step.after)}


def sketch(value: Any, depth: int = 2) -> str:
    """The kind of a value in words, without the value: ``list of 3 objects {name: string, size: integer}``."""
    if isinstance(value, Mapping):
        fields = [f"{name}: {sketch(part, depth - 1)}" for name, part in list(value.items())[:20]] if depth else []
        return "object {" + ", ".join(fields) + "}" if fields else "object"
    if isinstance(value, list):
        return f"list of {len(value)}" + (f", the first: {sketch(value[0], depth - 1)}" if value and depth else "")
    return json_type(value)


def _expression(computed: Computed, _reads: dict[str, Any]) -> Any:
    return bindings.shorthand(computed)


def _short(leaf: Leaf) -> Any:
    return leaf.value if isinstance(leaf, Value) else bindings.shorthand(leaf)


def _line(interface: Interface) -> str:
    takes = ", ".join(
        _named(name, prop, required=name in interface.required) for name, prop in interface.inputs.items()
    )
    makes = ", ".join(_named(name, prop, required=True) for name, prop in interface.outputs.items())
    gives = f"{{{makes}}}" if makes else _kind(interface.output)
    return f"- {interface.capability}({takes}) -> {gives}" + (
        f": {interface.description}" if interface.description else ""
    )


def _named(name: str, schema: Schema, *, required: bool) -> str:
    about = f" [{schema['description']}]" if schema.get("description") else ""
    return f"{name}{'' if required else '?'}: {_kind(schema)}{about}"


def _kind(schema: Schema) -> str:
    return "|".join(sorted(types(schema) - {"null"})) or "any"
