"""Where a step's inputs come from: task inputs, outputs of other steps, literals. Nothing else, so no prose.

People write shorthand: ``$inputs.molecules.0.smiles``, ``$steps.conformer.xyz``, ``$item.name``; any other value is a
literal. A string literal that begins with ``$`` is written ``{value: "$5"}``.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, JsonValue

from planners.model import Model, StepId

Path = tuple[str | int, ...]


class InputRef(Model):
    """A task input, or a part of it."""

    input: str
    path: Path = ()


class StepRef(Model):
    """The output of another step, or a part of it."""

    step: StepId
    path: Path = ()


class ItemRef(Model):
    """The element that the innermost ``for_each`` is at, or a part of it."""

    item: Path = ()


class Value(Model):
    """A literal copied from the request."""

    value: JsonValue


class Gather(Model):
    """A list made of other bindings, in order: how fan-out comes together again."""

    gather: "tuple[Binding, ...]"


def _parsed(raw: Any) -> Any:
    """Shorthand to the full form; the full form and model instances pass through."""
    if isinstance(raw, Model):
        return raw
    if isinstance(raw, str) and raw.startswith("$"):
        return _reference(raw)
    if (
        isinstance(raw, dict)
        and len(raw.keys() & {"input", "step", "item", "value", "gather"}) == 1
        and (raw.keys() <= {"input", "step", "item", "value", "gather", "path"})
    ):
        return raw
    if isinstance(raw, list | tuple) and any(isinstance(part, str) and part.startswith("$") for part in raw):
        return {"gather": list(raw)}
    return {"value": raw}


def _reference(text: str) -> dict[str, Any]:
    root, *rest = text[1:].split(".")
    path = [int(part) if part.isascii() and part.isdigit() else part for part in rest]
    if root == "item":
        return {"item": path}
    if root in ("inputs", "steps") and path:
        return {"input" if root == "inputs" else "step": str(path[0]), "path": path[1:]}
    raise ValueError(
        f"'{text}' is no reference; write $inputs.NAME, $steps.ID or $item, "
        'or {value: "..."} for a literal that begins with $'
    )


Binding = Annotated[
    InputRef | StepRef | ItemRef | Value | Gather,
    BeforeValidator(_parsed, json_schema_input_type=JsonValue),
]
Gather.model_rebuild()


def step_refs(binding: Binding) -> Iterator[StepRef]:
    """Every reference to a step's output inside a binding, in order."""
    if isinstance(binding, StepRef):
        yield binding
    elif isinstance(binding, Gather):
        for part in binding.gather:
            yield from step_refs(part)


def input_refs(binding: Binding) -> Iterator[InputRef]:
    """Every reference to a task input inside a binding, in order."""
    if isinstance(binding, InputRef):
        yield binding
    elif isinstance(binding, Gather):
        for part in binding.gather:
            yield from input_refs(part)


def follow(value: Any, path: Path) -> Any:
    """The part of a JSON value that a path names.

    Raises:
        LookupError: the path leads nowhere; the message says how far it got.
    """
    for depth, part in enumerate(path):
        try:
            value = value[part]
        except (LookupError, TypeError):
            at = ".".join(map(str, path[:depth])) or "the top"
            raise LookupError(f"no '{part}' at {at}") from None
    return value
