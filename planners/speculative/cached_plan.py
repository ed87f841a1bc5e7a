"""What is kept of one optimal plan, in a form that knows its values by name: JSON in, JSON out."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from pydantic import Field, JsonValue, model_validator

from planners.bindings import Binding, Gather, InputRef, Path, StepRef, Value, leaves, map_binding
from planners.model import Model, StepId, Versioned, WorkKey, canonical_json, digest
from planners.speculative.template import Template, filled, masked, strings
from planners.work_keys import InputDigests, work_keys
from planners.workflow import Step, unwrapped_bindings, unwrapped_nodes

# What a shape seen once is trusted with, and how fast experience with it moves that trust.
_FIRST_TRUST, _RATE = 0.9, 0.3
_FORGOTTEN = 0.01


class NamedDigests(InputDigests):
    """Digests of where inputs come from instead of what they hold: work keys made with them are shapes of work."""

    def __init__(self) -> None:
        super().__init__({})

    def of(self, ref: InputRef) -> str:
        """The digest of the reference itself."""
        return digest("input", ref.input, canonical_json(ref.path))


class CachedPlan(Versioned):
    """One shape of goal and the steps it got last.

    Literals of ``steps`` that came from the goal are masked (`planners.speculative.template`). ``trust`` says of each
    shape of work, also of those that only earlier plans held, how often the next plan held it: a moving average.
    """

    kind: str = ""
    template: Template
    goal: str
    input_names: tuple[str, ...] = ()
    steps: tuple[Step, ...]
    outputs: dict[str, Binding] = Field(default_factory=dict)
    trust: dict[WorkKey, float] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or "v" not in raw:
            return raw
        return raw | {
            "steps": unwrapped_nodes(raw.get("steps", ())),
            "outputs": unwrapped_bindings(raw.get("outputs", {})),
        }

    @cached_property
    def shapes(self) -> dict[StepId, WorkKey]:
        """Step id -> shape of its work, whatever the values and agents."""
        return work_keys(((step, "") for step in self.steps), NamedDigests())

    def trusted(self, step: StepId) -> float:
        """How often plans of this goal's shape hold this very step; 0.9 where it was seen once."""
        return self.trust.get(self.shapes[step], _FIRST_TRUST)

    def followed_by(self, later: "CachedPlan") -> "CachedPlan":
        """The later plan of the same shape, with trust moved by what it had of this one and of those before."""
        still = set(later.shapes.values())
        before = dict.fromkeys(self.shapes.values(), _FIRST_TRUST) | self.trust
        moved = {shape: trust + _RATE * ((shape in still) - trust) for shape, trust in before.items()}
        usual = sum(moved.values()) / len(moved)
        trust = {shape: moved.get(shape, usual) for shape in (*moved, *still)}
        return later.model_copy(update={"trust": {shape: p for shape, p in trust.items() if p > _FORGOTTEN}})

    def steps_for(self, values: Sequence[str | None], goal: str) -> tuple[Step, ...]:
        """The steps with the values of another goal; a step that needs one the goal does not have is left out."""
        steps: list[Step] = []
        for step in self.steps:
            with suppress(LookupError):
                steps += rewritten([step], lambda value: filled(value, values, goal))
        return tuple(steps)


class CacheHit(Model):
    """Steps recalled for a task, with P(the optimal plan holds it) of each; ``exact``: of the same shape."""

    steps: tuple[Step, ...]
    outputs: dict[str, Binding]
    probability: dict[StepId, float]
    exact: bool
    likeness: float = 1.0


def mask_steps(
    steps: Iterable[Step], inputs: Mapping[str, JsonValue], values: tuple[str, ...], goal: str
) -> tuple[Step, ...]:
    """The steps with literals that equal a task input as references to it, others masked."""
    known = {canonical_json(value): name for name, value in inputs.items() if isinstance(value, str) and value}

    def mask(value: JsonValue) -> Binding:
        name = known.get(canonical_json(value))
        return InputRef(input=name) if name is not None else Value(value=masked(value, values, goal))

    return tuple(
        step.model_copy(
            update={"inputs": {name: _changed(binding, mask) for name, binding in step.inputs.items()}, "title": ""}
        )
        for step in steps
    )


def rewritten(steps: Iterable[Step], change: Callable[[JsonValue], JsonValue]) -> tuple[Step, ...]:
    """The steps with every literal changed."""
    return tuple(
        step.model_copy(
            update={
                "inputs": {
                    name: _changed(binding, lambda value: Value(value=change(value)))
                    for name, binding in step.inputs.items()
                }
            }
        )
        for step in steps
    )


def _changed(binding: Binding, change: Callable[[JsonValue], Binding]) -> Binding:
    return map_binding(binding, lambda leaf: change(leaf.value) if isinstance(leaf, Value) else leaf)


def written(steps: Iterable[Step]) -> Iterator[str]:
    """Every string that stands in a literal of the steps."""
    for step in steps:
        for binding in step.inputs.values():
            for leaf in leaves(binding):
                if isinstance(leaf, Value):
                    yield from strings(leaf.value)


def source_of(binding: Binding, steps: Mapping[StepId, Step]) -> str | None:
    """Where a binding comes from, in words that hold for other plans too: the key of a binding pattern."""
    match binding:
        case InputRef(input=name, path=path):
            return canonical_json(["input", name, path])
        case StepRef(step=step, path=path) if step in steps:
            return canonical_json(["step", steps[step].capability, path])
        case Value(value=value):
            return canonical_json(["value", value])
        case Gather() if (refs := list(leaves(binding))) and all(isinstance(ref, StepRef) for ref in refs):
            made: set[tuple[str, Path]] = {
                (steps[ref.step].capability, ref.path) for ref in refs if isinstance(ref, StepRef) and ref.step in steps
            }
            return canonical_json(["gather", *made.pop()]) if len(made) == 1 else None
        case _:
            return None
