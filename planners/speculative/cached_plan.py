"""One past plan in the cache: its goal as a template, its steps with the literals of the goal masked."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property

from pydantic import Field, JsonValue

from planners.bindings import Binding, InputRef, Value, follow, input_refs, leaves, map_binding
from planners.eligibility import Eligibility
from planners.model import Model, StepId, WorkKey, canonical_json, digest
from planners.requests import PlanRequest
from planners.speculative.template import Template, filled, masked, strings
from planners.work_keys import InputDigests, work_keys
from planners.workflow import Step

# The trust in work that was seen once, and how fast experience changes it.
_FIRST_TRUST, _RATE = 0.9, 0.3
_NEGLIGIBLE_TRUST = 0.01
_SURE = 0.8
# What a later plan leaves of the weight of earlier ones: about twenty plans count.
_VARIANT_DECAY, _MOST_VARIANTS = 0.95, 8


class NamedDigests(InputDigests):
    """Digests of where inputs come from instead of their values, for work keys that do not depend on values."""

    def __init__(self) -> None:
        super().__init__({})

    def of(self, ref: InputRef) -> str:
        """The digest of the reference itself."""
        return digest("input", ref.input, canonical_json(ref.path))


class PlanVariant(Model):
    """One of the plans for a template. ``weight``: how often it came, with recent plans weighing more."""

    steps: tuple[Step, ...]
    outputs: dict[str, Binding] = Field(default_factory=dict)
    weight: float = 1.0

    @cached_property
    def work(self) -> frozenset[WorkKey]:
        """Keys of all its work."""
        return frozenset(work_keys(((step, "") for step in self.steps), NamedDigests()).values())


class CachedPlan(Model):
    """A goal template and the steps of the commonest plan for it: a planner may answer the same goal differently.

    ``searchable`` says whether the template's words are those of a goal. Literals of ``steps`` that came from the goal
    are masked (`planners.speculative.template`). ``variants`` are the plans so far, the commonest first; of equally
    common ones the latest. ``trust`` is a moving average, per work of these plans, of whether the next plan had it.
    """

    kind: str = ""
    template: Template
    searchable: bool
    input_names: tuple[str, ...] = ()
    steps: tuple[Step, ...]
    outputs: dict[str, Binding] = Field(default_factory=dict)
    trust: dict[WorkKey, float] = Field(default_factory=dict)
    variants: tuple[PlanVariant, ...] = ()

    @cached_property
    def work(self) -> dict[StepId, WorkKey]:
        """Step id -> key of its work, whatever the values and agents."""
        return work_keys(((step, "") for step in self.steps), NamedDigests())

    def trust_in(self, step: StepId) -> float:
        """P(the next plan for this template has the step); 0.9 for a step seen once."""
        return self.trust.get(self.work[step], _FIRST_TRUST)

    def followed_by(self, later: "CachedPlan") -> "CachedPlan":
        """The commonest of these and the later plan, with the trust updated by what the later one kept."""
        still = set(later.work.values())
        before = dict.fromkeys(self.work.values(), _FIRST_TRUST) | self.trust
        moved = {work: trust + _RATE * ((work in still) - trust) for work, trust in before.items()}
        usual = sum(moved.values()) / len(moved)
        trust = {work: moved.get(work, usual) for work in (*moved, *still)}
        variants = _with_variant(self.variants or (self._variant(),), later._variant())  # noqa: SLF001 - the same class
        return later.model_copy(
            update={
                "trust": {work: p for work, p in trust.items() if p > _NEGLIGIBLE_TRUST},
                "variants": variants,
                "steps": variants[0].steps,
                "outputs": variants[0].outputs,
            }
        )

    def _variant(self) -> PlanVariant:
        return PlanVariant(steps=self.steps, outputs=self.outputs)

    def steps_for(self, values: Sequence[str | None], goal: str) -> tuple[Step, ...]:
        """The steps with the values of another goal; a step that needs a value the goal lacks is left out."""
        steps: list[Step] = []
        for step in self.steps:
            with suppress(LookupError):
                steps.append(_with_literals(step, lambda value: Value(value=filled(value, values, goal))))
        return tuple(steps)


def _with_variant(before: Sequence[PlanVariant], latest: PlanVariant) -> tuple[PlanVariant, ...]:
    others = []
    for variant in before:
        weight = _VARIANT_DECAY * variant.weight
        if variant.work == latest.work:
            latest = latest.model_copy(update={"weight": weight + 1})
        else:
            others.append(variant.model_copy(update={"weight": weight}))
    return tuple(sorted([latest, *others], key=lambda variant: -variant.weight)[:_MOST_VARIANTS])


class CacheHit(Model):
    """Cached steps for a task, with P(the optimal plan has it) of each; ``exact``: the goal matches the template."""

    steps: tuple[Step, ...]
    outputs: dict[str, Binding]
    probability: dict[StepId, float]
    exact: bool
    similarity: float = 1.0

    @property
    def is_sure(self) -> bool:
        """Whether the plans for this goal have hardly differed, so that no other guess needs to be asked for."""
        return min(self.probability.values(), default=0.0) >= _SURE


def still_possible(steps: Iterable[Step], request: PlanRequest) -> Iterator[Step]:
    """The steps that this task allows: each has an agent, the inputs that it reads, and parents that are possible.

    The lists among the inputs may be shorter than those of the task before.
    """
    possible: set[StepId] = set()
    for step in steps:
        offered = Eligibility().agents(step, request.catalog)
        if offered and possible.issuperset(step.parents) and _has_inputs(step, request.task.values):
            possible.add(step.id)
            yield step


def mask_steps(
    steps: Iterable[Step], inputs: Mapping[str, JsonValue], values: tuple[str, ...], goal: str
) -> tuple[Step, ...]:
    """The steps with literals that equal a task input as references to it, and others masked."""
    names = {canonical_json(value): name for name, value in inputs.items() if isinstance(value, str) and value}

    def mask(value: JsonValue) -> Binding:
        name = names.get(canonical_json(value))
        return InputRef(input=name) if name is not None else Value(value=masked(value, values, goal))

    return tuple(_with_literals(step, mask).model_copy(update={"title": ""}) for step in steps)


def literal_strings(steps: Iterable[Step]) -> Iterator[str]:
    """Every string inside a literal of the steps."""
    for step in steps:
        for binding in step.inputs.values():
            for leaf in leaves(binding):
                if isinstance(leaf, Value):
                    yield from strings(leaf.value)


def _with_literals(step: Step, change: Callable[[JsonValue], Binding]) -> Step:
    inputs = {name: _changed(binding, change) for name, binding in step.inputs.items()}
    return step.model_copy(update={"inputs": inputs})


def _changed(binding: Binding, change: Callable[[JsonValue], Binding]) -> Binding:
    return map_binding(binding, lambda leaf: change(leaf.value) if isinstance(leaf, Value) else leaf)


def _has_inputs(step: Step, inputs: Mapping[str, JsonValue]) -> bool:
    try:
        for binding in step.inputs.values():
            for ref in input_refs(binding):
                follow(inputs[ref.input], ref.path)
    except LookupError:
        return False
    return True
