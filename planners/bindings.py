"""Bindings: where a step's inputs come from. Task inputs, outputs of other steps and literals, so never free text.

People write shorthand: ``$inputs.molecules.0.smiles``, ``$steps.conformer.xyz``, ``$item.name``, ``$state.draft``,
``$context.facts``, ``$handoffs.draft.summary``.
Any other value is a literal, unless a reference is somewhere inside it: lists and objects are made of what their parts
stand for. ``{cel: "$steps.search.hits.map(h, h.name)"}`` is the value of an expression, see `planners.expressions`.
A literal that would read as a binding is wrapped: ``{value: "$5"}``, ``{value: {step: 3}}``.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, TypeVar

from pydantic import (
    BeforeValidator,
    Discriminator,
    FailFast,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)

from planners.binding_forms import LIKE_A_REFERENCE, form, is_expression, is_form, reads_as_binding, reference, refers
from planners.expressions.reads import declared_reads, used_reads
from planners.leaves import (
    CONTEXT_PART,
    HANDOFF_PART,
    SPOKEN,
    ContextRef,
    InputRef,
    ItemRef,
    Path,
    StateRef,
    StepRef,
    follow,
    kind_of,
)
from planners.model import Model

__all__ = [
    "CONTEXT_PART",
    "HANDOFF_PART",
    "SPOKEN",
    "Binding",
    "Composed",
    "Compound",
    "Computed",
    "ContextRef",
    "Gather",
    "InputRef",
    "ItemRef",
    "Leaf",
    "Path",
    "StateRef",
    "StepRef",
    "Value",
    "computed_in",
    "fold_binding",
    "follow",
    "input_refs",
    "kind_of",
    "leaves",
    "map_binding",
    "refers",
    "shorthand",
    "step_refs",
    "unwrapped",
]

_T = TypeVar("_T")


class Value(Model):
    """A literal copied from the request. Serialized as itself, or wrapped if it would read as another binding."""

    value: JsonValue = Field(description="The literal")

    @model_serializer
    def _as_written(self) -> Any:
        return {"value": self.value} if reads_as_binding(self.value) else self.value


class Gather(Model):
    """A list made of other bindings, in order. Fan-in reads one."""

    gather: "Annotated[tuple[Binding, ...], FailFast()]" = Field(description="The bindings of the elements")


class Composed(Model):
    """An object made of other bindings."""

    # Its name is unlike any that a literal object is likely to have.
    composed: "dict[str, Binding]" = Field(description="The bindings of its fields")


class Computed(Model):
    """What an expression in CEL makes of other bindings, or a part of it. ``reads`` is filled in."""

    # Its name is unlike any that a literal object is likely to have.
    cel: str = Field(
        min_length=1, max_length=10_000, description="The expression, with references such as `$steps.ID.field`"
    )
    reads: "dict[str, Binding]" = Field(
        default_factory=dict, description="Filled in: what each reference of the expression stands for"
    )
    path: Path = Field(default=(), description="Keys and indexes of the part")

    @model_validator(mode="before")
    @classmethod
    def _with_reads(cls, raw: Any) -> Any:
        text = raw.get("cel") if isinstance(raw, dict) else None
        if not isinstance(text, str):
            return raw
        if isinstance(raw.get("reads"), dict):
            used_reads(text, tuple(raw["reads"]))
            return raw
        return raw if "reads" in raw else {**raw, "reads": declared_reads(text)}

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> Any:
        written = handler(self)
        if self.reads == declared_reads(self.cel):
            written.pop("reads", None)
        if not self.path:
            written.pop("path", None)
        return written


def _parsed(raw: Any) -> Any:
    """Expand shorthand. The full form and model instances pass through."""
    if isinstance(raw, Model):
        return raw
    if not isinstance(raw, dict | list | tuple):
        return reference(raw) if isinstance(raw, str) and raw.startswith("$") else {"value": raw}
    if isinstance(raw, dict) and is_form(raw):
        return {"value": raw} if "value" in raw and not reads_as_binding(raw["value"]) else raw
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
        return reference(raw) if LIKE_A_REFERENCE.match(raw) else Value(value=raw)
    if isinstance(raw, dict) and raw.keys() == {"value"}:
        return Value(value=raw["value"] if reads_as_binding(raw["value"]) else raw)
    if not refers(raw, inside=True, depth=depth):
        return Value(value=raw)
    if isinstance(raw, dict):
        return raw if is_expression(raw) else _composed(raw, depth + 1)
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
    if "cel" in raw and is_form(raw) and isinstance(raw.get("reads"), dict):
        return {**raw, "reads": {name: unwrapped(part) for name, part in raw["reads"].items()}}
    return raw if is_form(raw) else Value(value=raw)


Leaf = InputRef | StepRef | ItemRef | StateRef | ContextRef | Value
Binding = Annotated[
    Annotated[InputRef, Tag("InputRef")]
    | Annotated[StepRef, Tag("StepRef")]
    | Annotated[ItemRef, Tag("ItemRef")]
    | Annotated[StateRef, Tag("StateRef")]
    | Annotated[ContextRef, Tag("ContextRef")]
    | Annotated[Value, Tag("Value")]
    | Annotated[Gather, Tag("Gather")]
    | Annotated[Composed, Tag("Composed")]
    | Annotated[Computed, Tag("Computed")],
    Discriminator(form),
    BeforeValidator(_parsed, json_schema_input_type=JsonValue),
]
# What is made of other bindings.
Compound = Gather | Composed | Computed
_COMPOUNDS = frozenset({Gather, Composed, Computed})
for _model in (Gather, Composed, Computed):
    _model.model_rebuild()


Read = Callable[[str, Binding], tuple[str, Binding]]


def fold_binding(
    binding: Binding,
    leaf: Callable[[Leaf], _T],
    gather: Callable[[list[_T]], _T],
    compose: Callable[[dict[str, _T]], _T],
    compute: Callable[[Computed, dict[str, _T]], _T],
) -> _T:
    """Reduce a binding: ``leaf`` of each leaf, then ``gather`` of the parts of a list, ``compose`` of an object's.

    ``compute`` gets an expression and what has become of its ``reads``.
    """
    if type(binding) not in _COMPOUNDS:  # by far the most common, and isinstance is slow on pydantic models
        return leaf(binding)  # type: ignore[arg-type] # it is a leaf

    def folded(one: Binding) -> _T:
        match one:
            case Gather(gather=parts):
                return gather([folded(part) for part in parts])
            case Composed(composed=fields):
                return compose({name: folded(part) for name, part in fields.items()})
            case Computed(reads=reads):
                return compute(one, {name: folded(part) for name, part in reads.items()})
            case _:
                return leaf(one)

    return folded(binding)


def map_binding(binding: Binding, leaf: Callable[[Leaf], Binding], read: Read | None = None) -> Binding:
    """The binding with ``leaf`` applied to each of its leaves; lists and objects keep their shape.

    ``read`` is applied before to each name and part of what an expression reads.
    """
    if isinstance(binding, Gather):
        return Gather(gather=tuple(map_binding(part, leaf, read) for part in binding.gather))
    if isinstance(binding, Composed):
        return Composed(composed={name: map_binding(part, leaf, read) for name, part in binding.composed.items()})
    if isinstance(binding, Computed):
        reads = binding.reads.items() if read is None else itertools.starmap(read, binding.reads.items())
        return binding.model_copy(update={"reads": {name: map_binding(part, leaf, read) for name, part in reads}})
    return leaf(binding)


def leaves(binding: Binding) -> Iterator[Leaf]:
    """Every leaf of a binding, in order."""
    if isinstance(binding, Compound):
        for part in parts_of(binding):
            yield from leaves(part)
    else:
        yield binding


def parts_of(binding: Compound) -> Iterable[Binding]:
    """What a binding is made of."""
    match binding:
        case Gather(gather=parts):
            return parts
        case Composed(composed=fields):
            return fields.values()
        case Computed(reads=reads):
            return reads.values()


def computed_in(binding: Binding) -> Iterator[Computed]:
    """Every expression of a binding, those around others first."""
    if isinstance(binding, Computed):
        yield binding
    if isinstance(binding, Compound):
        for part in parts_of(binding):
            yield from computed_in(part)


def step_refs(binding: Binding) -> Iterator[StepRef]:
    """Every reference to a step's output inside a binding, in order."""
    return (leaf for leaf in leaves(binding) if isinstance(leaf, StepRef))


def input_refs(binding: Binding) -> Iterator[InputRef]:
    """Every reference to a task input inside a binding, in order."""
    return (leaf for leaf in leaves(binding) if isinstance(leaf, InputRef))


def shorthand(binding: Binding) -> Any:
    """A binding as people write it; a literal is its value, also where that would read as a binding."""
    return fold_binding(binding, _leaf_shorthand, list, dict, lambda computed, _: {"cel": computed.cel})


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
