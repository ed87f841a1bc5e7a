"""Refuses texts that hold a reference, which only a whole value or an expression can be.

An agent would otherwise get, and a person be asked, ``Shall we write to $inputs.name?``, word for word.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping

from pydantic import JsonValue

from planners.binding_forms import reads_as_binding
from planners.bindings import Value, leaves
from planners.errors import InvalidTask
from planners.steps import Approval, Callback
from planners.validation.structure import locate
from planners.validation.suggestions import shown
from planners.workflow import Node, Workflow

_REFERENCE = re.compile(r"\$(inputs|steps)\.([\w-]+)")


def unread_references(workflow: Workflow, inputs: Collection[str]) -> Iterator[InvalidTask]:
    """Texts with a reference to an input or a node that there is; with any other name it may be meant as it is.

    Args:
        workflow: all of whose references are right.
        inputs: the names of its inputs.
    """
    known = {"inputs": inputs, "steps": {node.id for node in workflow.walk()}}
    for place in locate(workflow.steps):
        for name, value, fix in _literals(place.node):
            if (reference := _reference_in(value, known)) is not None:
                message = f"'{shown(reference)}' is not replaced inside a text"
                yield InvalidTask(message, f"{place.field}.{name}", fix.format(shown(reference)))


def _literals(node: Node) -> Iterator[tuple[str, JsonValue, str]]:
    """(field, literal, fix) of a node."""
    for name, binding in node.bindings:
        for leaf in leaves(binding):
            # What would read as a binding was written as {value: ...}: it is meant as it is.
            if isinstance(leaf, Value) and not reads_as_binding(leaf.value):
                yield (
                    name,
                    leaf.value,
                    "write {{cel: '\"text \" + {}'}}; a text meant as it is can be an input of the task",
                )
    show = "show the value: inputs: {{NAME: {}}}"
    if isinstance(node, Approval):
        yield "approval", node.approval, show
    elif isinstance(node, Callback):
        yield "callback", node.callback, show


def _reference_in(value: JsonValue, known: Mapping[str, Collection[str]]) -> str | None:
    """The first reference in the texts of a value."""
    if isinstance(value, list | dict):
        value = json.dumps(value)
    if not isinstance(value, str) or "$" not in value:
        return None
    return next((found[0] for found in _REFERENCE.finditer(value) if found[2] in known[found[1]]), None)
