"""Bindings: where a step's inputs come from. Task inputs, outputs of other steps and literals, so never free text.

People write shorthand: ``$inputs.molecules.0.smiles``, ``$steps.conformer.xyz``, ``$item.name``, ``$state.draft``,
``$context.facts``, ``$handoffs.draft.summary``.
Any other value is a literal, unless a reference is somewhere inside it: lists and objects are made of what their parts
stand for. A literal that would read as a binding is wrapped: ``{value: "$5"}``, ``{value: {step: 3}}``.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Discriminator, FailFast, Field, JsonValue, Tag, model_serializer

from planners.model import Model, StepId

Path = tuple[str | int, ...]
_T = TypeVar("_T")
# A path of a step that begins so leads to what its handoff says besides the output. No key of an output is meant.
HANDOFF_PART, CONTEXT_PART = "$handoff", "$context"
SPOKEN = frozenset({(HANDOFF_PART,), (CONTEXT_PART,)})
_OF_HANDOFFS = ("summary", "confidence")
# Written in one way only, so that "007" stays the key it is.
_INDEX = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)
# Inside objects, texts such as "$5" or "$ {x}" are none.
_LIKE_A_REFERENCE = re.compile(r"\$[A-Za-z_]\w*(\.|$)", re.ASCII)
# More levels take pydantic and the work keys too long.
MOST_LEVELS = 32
_FORMS = {
    "input": "InputRef",
    "step": "StepRef",
    "item": "ItemRef",
    "loop_state": "StateRef",
    "context_key": "ContextRef",
    "value": "Value",
    "gather": "Gather",
    "composed": "Composed",
}


class InputRef(Model):
    """A task input, or a part of it."""

    input: str = Field(description="The name of the task input")
    path: Path = Field(default=(), description="Keys and indexes of the part")


class StepRef(Model):
    """The output of another step, or a part of it."""

    step: StepId = Field(description="The id of the step")
    path: Path = Field(default=(), description="Keys and indexes of the part")


class ItemRef(Model):
    """The current element of the innermost ``for_each``, or a part of it."""

    item: Path = Field(default=(), description="Keys and indexes of the part")


class StateRef(Model):
    """The state of the innermost ``loop`` at the beginning of the current turn, or a part of it."""

    # Its name is unlike any that a literal object is likely to have.
    loop_state: Path = Field(default=(), description="The name in the state, then keys and indexes of the part")


class ContextRef(Model):
    """What the nodes before have written to the context under a key, or a part of it; without a path all of it."""

    context_key: Path = Field(default=(), description="The key, then keys and indexes of the part")


class Value(Model):
    """A literal copied from the request. Serialized as itself, or wrapped if it would read as another binding."""

    value: JsonValue = Field(description="The literal")

    @model_serializer
    def _as_written(self) -> Any:
        return {"value": self.value} if _reads_as_binding(self.value) else self.value


class Gather(Model):
    """A list made of other bindings, in order. Fan-in reads one."""

    gather: "Annotated[tuple[Binding, ...], FailFast()]" = Field(description="The bindings of the elements")


class Composed(Model):
    """An object made of other bindings."""

    # Its name is unlike any that a literal object is likely to have.
    composed: "dict[str, Binding]" = Field(description="The bindings of its fields")


def _parsed(raw: Any) -> Any:
    """Expand shorthand. The full form and model instances pass through."""
    if isinstance(raw, Model):
        return raw
    if not isinstance(raw, dict | list | tuple):
        return _reference(raw) if isinstance(raw, str) and raw.startswith("$") else {"value": raw}
    if isinstance(raw, dict) and _is_form(raw):
        return {"value": raw} if "value" in raw and not _reads_as_binding(raw["value"]) else raw
    if not refers(raw):
        return {"value": raw}
    return {"gather": list(raw)} if isinstance(raw, list | tuple) else _composed(raw)


def _composed(raw: dict[str, Any], depth: int = 1) -> dict[str, Any]:
    return {"composed": {name: _part_of_object(part, depth) for name, part in raw.items()}}


def _part_of_object(raw: Any, depth: int) -> Any:
    """A part of an object that contains a reference. Of the full forms only the wrapped literal is read."""
    if isinstance(raw, Model):
        return raw
    if isinstance(raw, str):
        return _reference(raw) if _LIKE_A_REFERENCE.match(raw) else Value(value=raw)
    if isinstance(raw, dict) and raw.keys() == {"value"}:
        return Value(value=raw["value"] if _reads_as_binding(raw["value"]) else raw)
    if not refers(raw, inside=True, depth=depth):
        return Value(value=raw)
    if isinstance(raw, dict):
        return _composed(raw, depth + 1)
    return {"gather": [_part_of_object(part, depth + 1) for part in raw]}


def unwrapped(raw: Any) -> Any:
    """A binding in a document that Forerun wrote, where ``{value: X}`` always means the literal X.

    In documents that people write, ``{value: 5}`` is itself a literal.
    """
    if isinstance(raw, list):
        return Value(value=raw)
    if not isinstance(raw, dict):
        return raw
    if raw.keys() == {"value"}:
        return Value(value=raw["value"])
    if raw.keys() == {"gather"} and isinstance(raw["gather"], list | tuple):
        return {"gather": [unwrapped(part) for part in raw["gather"]]}
    if raw.keys() == {"composed"} and isinstance(raw["composed"], dict):
        return {"composed": {name: unwrapped(part) for name, part in raw["composed"].items()}}
    return raw if _is_form(raw) else Value(value=raw)


def refers(raw: Any, *, inside: bool = False, depth: int = 0) -> bool:
    """Whether there is a reference somewhere in a list or an object.

    Args:
        raw: a JSON value, perhaps with bindings in it.
        inside: whether it is a part of an object.
        depth: how many levels are above it.

    Raises:
        ValueError: there is a reference deeper than MOST_LEVELS.
    """
    found = _level_of_reference(raw, inside=inside)
    if found is not None and found + depth > MOST_LEVELS:
        raise ValueError(f"a reference is {found + depth} levels deep; give it an input of its own")
    return found is not None


def _level_of_reference(raw: Any, *, inside: bool = False) -> int | None:
    """How deep some reference in a list or an object is; None if there is none."""
    if not isinstance(raw, dict | list | tuple) or not _may_refer(raw):
        return None
    pending: list[tuple[Any, bool, int]] = [(raw, inside, 0)]
    while pending:
        value, in_object, depth = pending.pop()
        if isinstance(value, Model):
            return depth
        if isinstance(value, str):
            if _LIKE_A_REFERENCE.match(value) if in_object else value.startswith("$"):
                return depth
        elif isinstance(value, dict):
            pending += [(part, True, depth + 1) for part in value.values()]
        elif isinstance(value, list | tuple):
            pending += [(part, in_object, depth + 1) for part in value]
    return None


def _may_refer(raw: Any) -> bool:
    """Quickly, whether some text in a JSON value begins with $."""
    try:
        return '"$' in json.dumps(raw)
    except (TypeError, ValueError, RecursionError):  # it holds models, or is deep
        return True


def _is_form(raw: Any) -> bool:
    """Whether a JSON value is the full form of a binding."""
    return isinstance(raw, dict) and len(raw.keys() & _FORMS.keys()) == 1 and raw.keys() <= _FORMS.keys() | {"path"}


def _reads_as_binding(raw: Any) -> bool:
    """Whether a JSON value would be read as a binding other than a literal."""
    if isinstance(raw, str):
        return raw.startswith("$")
    return _is_form(raw) or _level_of_reference(raw) is not None


def _reference(text: str) -> dict[str, Any]:
    root, *rest = text[1:].split(".")
    if root == "steps" and len(rest) == 1:  # by far the most common
        return {"step": rest[0]}
    path = [int(part) if part[:1].isdigit() and _INDEX.fullmatch(part) else part for part in rest]
    if root == "item":
        return {"item": path}
    if root == "state":
        return {"loop_state": path}
    if root == "context":
        return {"context_key": path}
    if root == "handoffs" and len(path) > 1:
        if path[1] not in _OF_HANDOFFS:
            raise ValueError(f"'{text}': of a handoff, inputs read {' and '.join(_OF_HANDOFFS)}")
        return {"step": str(path[0]), "path": [HANDOFF_PART, *path[1:]]}
    if root in ("inputs", "steps") and path:
        return {"input" if root == "inputs" else "step": str(path[0]), "path": path[1:]}
    raise ValueError(
        f"'{text}' is not a reference; write $inputs.NAME, $steps.ID or $item, "
        'or {value: "..."} for a literal that begins with $'
    )


def _form(raw: Any) -> str:
    """The name of the form of a parsed binding. One form is tried, so an error is reported once."""
    if isinstance(raw, Model):
        return type(raw).__name__
    for key in raw:
        if key in _FORMS:
            return _FORMS[key]
    return "Value"


Leaf = InputRef | StepRef | ItemRef | StateRef | ContextRef | Value
Binding = Annotated[
    Annotated[InputRef, Tag("InputRef")]
    | Annotated[StepRef, Tag("StepRef")]
    | Annotated[ItemRef, Tag("ItemRef")]
    | Annotated[StateRef, Tag("StateRef")]
    | Annotated[ContextRef, Tag("ContextRef")]
    | Annotated[Value, Tag("Value")]
    | Annotated[Gather, Tag("Gather")]
    | Annotated[Composed, Tag("Composed")],
    Discriminator(_form),
    BeforeValidator(_parsed, json_schema_input_type=JsonValue),
]
Gather.model_rebuild()
Composed.model_rebuild()


def fold_binding(
    binding: Binding,
    leaf: Callable[[Leaf], _T],
    gather: Callable[[list[_T]], _T],
    compose: Callable[[dict[str, _T]], _T],
) -> _T:
    """Reduce a binding: ``leaf`` of each leaf, then ``gather`` of the parts of a list, ``compose`` of an object's."""
    if isinstance(binding, Gather):
        return gather([fold_binding(part, leaf, gather, compose) for part in binding.gather])
    if isinstance(binding, Composed):
        return compose({name: fold_binding(part, leaf, gather, compose) for name, part in binding.composed.items()})
    return leaf(binding)


def map_binding(binding: Binding, leaf: Callable[[Leaf], Binding]) -> Binding:
    """The binding with ``leaf`` applied to each of its leaves; lists and objects keep their shape."""
    if isinstance(binding, Gather):
        return Gather(gather=tuple(map_binding(part, leaf) for part in binding.gather))
    if isinstance(binding, Composed):
        return Composed(composed={name: map_binding(part, leaf) for name, part in binding.composed.items()})
    return leaf(binding)


def leaves(binding: Binding) -> Iterator[Leaf]:
    """Every leaf of a binding, in order."""
    if isinstance(binding, Gather | Composed):
        for part in binding.gather if isinstance(binding, Gather) else binding.composed.values():
            yield from leaves(part)
    else:
        yield binding


def step_refs(binding: Binding) -> Iterator[StepRef]:
    """Every reference to a step's output inside a binding, in order."""
    return (leaf for leaf in leaves(binding) if isinstance(leaf, StepRef))


def input_refs(binding: Binding) -> Iterator[InputRef]:
    """Every reference to a task input inside a binding, in order."""
    return (leaf for leaf in leaves(binding) if isinstance(leaf, InputRef))


def follow(value: Any, path: Path) -> Any:
    """The part of a JSON value at a path. A number is an index of a list, or a key of an object.

    Raises:
        LookupError: there is no such part; the message says where the path ends, and at what.
    """
    for depth, part in enumerate(path):
        if isinstance(value, dict) and str(part) in value:
            value = value[str(part)]
        elif isinstance(value, list | tuple) and isinstance(part, int) and 0 <= part < len(value):
            value = value[part]
        else:
            at = ".".join(map(str, path[:depth])) or "the top"
            raise LookupError(f"no '{part}' at {at}, {kind_of(value)}")
    return value


def kind_of(value: Any) -> str:
    """A JSON value's type, for messages: "an array of 2", "a string"."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list() | tuple():
            return f"an array of {len(value)}"
        case _:
            return "an object"


def shorthand(binding: Binding) -> Any:
    """A binding as people write it; a literal is its value, also where that would read as a binding."""
    return fold_binding(binding, _leaf_shorthand, list, dict)


def _leaf_shorthand(leaf: Leaf) -> Any:
    match leaf:
        case InputRef(input=name, path=path):
            return ".".join(["$inputs", name, *map(str, path)])
        case StepRef(step=step, path=(part, *inner)) if part == HANDOFF_PART:
            return ".".join(["$handoffs", step, *map(str, inner)])
        case StepRef(step=step, path=path):
            return ".".join(["$steps", step, *map(str, path)])
        case ItemRef(item=path):
            return ".".join(["$item", *map(str, path)])
        case StateRef(loop_state=path):
            return ".".join(["$state", *map(str, path)])
        case ContextRef(context_key=path):
            return ".".join(["$context", *map(str, path)])
        case Value(value=value):
            return value
