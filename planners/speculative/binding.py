"""Binds the inputs of predicted steps: as in past plans where there are any, else by what the schemas allow."""

from collections.abc import Container, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from pydantic import JsonValue

from planners.bindings import Binding, Gather, InputRef, StepRef, Value, follow, step_refs
from planners.canonical import canonical_id, canonical_inputs
from planners.interfaces import Interface, Schema, compatible, json_type, types
from planners.model import StepId, canonical_json
from planners.speculative.binding_sources import BindingSource
from planners.speculative.cached_plan import literal_strings
from planners.speculative.plan_cache import PlanCache
from planners.speculative.predictor import GuessedPlan
from planners.speculative.template import Literal, SlotKind, collapsed, filled, literals
from planners.tasks import Task
from planners.workflow import Step

# P(a binding is right) where only the schemas suggest it: the same name; the only fit of a predicted parent that no
# other input reads (why else the edge?); the only fit; one of several.
_SAME_NAME, _ONLY_FIT_OF_PARENT, _ONLY_FIT, _ONE_OF_SEVERAL = 0.85, 0.75, 0.6, 0.3
_MIN_SHARE = 0.02  # a source rarer than this is not tried
_LONGEST_GOAL = 10_000  # characters of a goal that are searched for literals


class BoundSteps(NamedTuple):
    """Steps that can run as they are, and for each P(the optimal plan has it with these very inputs)."""

    steps: tuple[Step, ...]
    probability: dict[StepId, float]


class _BoundInput(NamedTuple):
    binding: Binding
    p: float


def bind(  # noqa: PLR0913 -- what the bindings depend on, and what to leave out
    guess: GuessedPlan,
    task: Task,
    offered: Mapping[str, Interface],
    cache: PlanCache,
    known: Sequence[Step] = (),
    *,
    unwanted: Container[str] = (),
) -> BoundSteps:
    """The predicted steps with their inputs bound; the first ones are those that are ``known``.

    ``unwanted``: first steps as `first_work` tells them; a guess with one of them is not needed, so nothing is bound.

    A step with a required input that nothing fits is left out, with all its descendants: work that cannot be right must
    not be started. P(step) is the predictor's P(its work survives), times the P of each binding of the step and of its
    data ancestors, each once. Where the predictor does not give it, P(work) is the product of their P(step), but at
    least P(whole plan).
    """
    binder = _Binder(guess, task, offered, cache)
    for step in known:
        binder.add_known(step)
    for index in range(len(known), len(guess.steps)):
        bound = binder.bind_step(index)
        if unwanted and bound is not None and not bound.parents and first_work(bound) in unwanted:
            return BoundSteps((), {})
    return BoundSteps(tuple(binder.steps.values()), binder.probabilities())


def first_work(step: Step) -> str:
    """What a step without parents does, as text: equal steps do the same work."""
    return canonical_json([step.capability, {name: bound.model_dump() for name, bound in step.inputs.items()}])


class _Binder:
    def __init__(self, guess: GuessedPlan, task: Task, offered: Mapping[str, Interface], cache: PlanCache) -> None:
        self._guess = guess
        self._task = task
        self._offered = offered
        self._cache = cache
        self._goal, found = _goal_and_literals((task.goal or "")[:_LONGEST_GOAL])
        self._unused: list[Literal] = list(found)
        self._ids: dict[int, StepId] = {}
        self._own: dict[StepId, tuple[float, float]] = {}
        self._known: set[StepId] = set()
        self.steps: dict[StepId, Step] = {}

    def add_known(self, step: Step) -> None:
        """A step that the optimal plan holds. The values of the goal that it uses are not bound again."""
        self._ids[len(self.steps)] = step.id
        self.steps[step.id] = step
        self._own[step.id] = (1.0, 1.0)
        self._known.add(step.id)
        used = set(literal_strings([step]))
        self._unused = [literal for literal in self._unused if literal.text not in used]

    def bind_step(self, index: int) -> Step | None:
        """Bind one step, after its parents; None if it cannot be."""
        interface = self._offered.get(self._guess.steps[index])
        parents = [self._ids.get(parent) for parent in self._guess.parents_of(index)]
        known = [parent for parent in parents if parent is not None]
        if interface is None or len(known) < len(parents):
            return None
        bound: dict[str, _BoundInput] = {}
        for name, schema in interface.inputs.items():
            read = {ref.step for found in bound.values() for ref in step_refs(found.binding)}
            if (found := self._input(interface, name, schema, known, read)) is not None:
                bound[name] = found
        return None if interface.required - bound.keys() else self._add(index, interface, bound, known)

    def probabilities(self) -> dict[StepId, float]:
        """P of each step, as `bind` defines it."""
        result, lineage = {}, dict[StepId, set[StepId]]()
        index_of = {step: index for index, step in self._ids.items()}
        for step in self.steps.values():
            lineage[step.id] = {step.id}.union(*(lineage[parent] for parent in step.data_parents))
            stepwise, bindings = 1.0, 1.0
            for ancestor in sorted(lineage[step.id]):
                stepwise *= self._own[ancestor][0]
                bindings *= self._own[ancestor][1]
            known = self._guess.work_p(index_of[step.id])
            work = max(stepwise, self._guess.probability) if known is None else known
            result[step.id] = 1.0 if step.id in self._known else min(1.0, work * bindings)
        return result

    def _add(self, index: int, interface: Interface, bound: Mapping[str, _BoundInput], parents: list[StepId]) -> Step:
        step_id = canonical_id(interface.capability, self.steps)
        inputs = {name: found.binding for name, found in bound.items()}
        step = Step(id=step_id, capability=interface.capability, inputs=inputs)
        # An edge that carries no data is an order, which the optimal planner would have to write down as such.
        after = tuple(parent for parent in parents if parent not in step.data_parents)
        self.steps[step_id] = step = step.model_copy(
            update={"inputs": canonical_inputs(step, interface), "after": after}
        )
        self._ids[index] = step_id
        certainty = 1.0
        for found in bound.values():
            certainty *= found.p
        self._own[step_id] = (self._guess.step_p(index), certainty)
        return step

    def _input(
        self, interface: Interface, name: str, schema: Schema, parents: list[StepId], read: set[StepId]
    ) -> _BoundInput | None:
        # A source that does not exist here (no such parent is predicted) says nothing about this step.
        sources = [
            (source, share)
            for source, share in self._cache.sources(interface.capability, name)
            if self._exists(source, parents)
        ]
        total = sum(share for _, share in sources)
        for source, share in sorted(sources, key=lambda pair: -pair[1]):
            if share >= _MIN_SHARE and (binding := self._from_source(source, schema, parents)) is not None:
                return _BoundInput(binding, share / total)
        return self._by_schema(name, schema, parents, read) if name in interface.required else None

    def _exists(self, source: BindingSource, parents: list[StepId]) -> bool:
        """Whether a source exists, given what is predicted and submitted."""
        if source.kind in ("step", "gather"):
            return any(self.steps[step].capability == source.of for step in self._near(parents))
        return source.kind != "input" or self._task_input(source) is not None

    def _from_source(self, source: BindingSource, schema: Schema, parents: list[StepId]) -> Binding | None:
        match source.kind:
            case "input":
                return self._task_input(source)
            case "value":
                return self._literal(source.of, schema)
            case "step" | "gather":
                made = [step for step in self._near(parents) if self.steps[step].capability == source.of]
                refs = tuple(StepRef(step=step, path=source.path) for step in made)
                return (Gather(gather=refs) if source.kind == "gather" else refs[0]) if refs else None

    def _task_input(self, source: BindingSource) -> Binding | None:
        name = str(source.of)
        try:
            follow(self._task.inputs[name], source.path)
        except LookupError:
            return None
        return InputRef(input=name, path=source.path)

    def _literal(self, value: JsonValue, schema: Schema) -> Binding | None:
        """A masked literal: as it is, or the next value of the same kind in this goal."""
        match value:
            case {"$goal": True}:
                return Value(value=self._task.goal)
            case {"$slot": int()} | {"$number": int()}:
                return self._next_literal(schema, number=isinstance(value, dict) and "$number" in value)
            case {"$text": _}:
                return None
        return Value(value=value)

    def _next_literal(self, schema: Schema, *, number: bool) -> Binding | None:
        numeric = number or bool(types(schema) & {"integer", "number"})
        for literal in self._unused:
            if (literal.kind is SlotKind.NUMBER) == numeric:
                self._unused.remove(literal)
                marker: JsonValue = {"$number": 0} if numeric else {"$slot": 0}
                return Value(value=filled(marker, (literal.text,), self._goal))
        return None

    def _near(self, parents: list[StepId]) -> list[StepId]:
        """The predicted parents; where none is predicted, all steps so far, the latest first."""
        return parents or list(reversed(self.steps))

    def _by_schema(self, name: str, schema: Schema, parents: list[StepId], read: set[StepId]) -> _BoundInput | None:
        """The likeliest fit among outputs and task inputs; a value of the goal only where nothing else fits."""
        fits = [*self._from_outputs(name, schema, parents, read), *self._from_task(name, schema)]
        if fits:
            return max(fits, key=lambda found: found.p)
        literal = self._next_literal(schema, number=False) if types(schema) & {"string", "integer", "number"} else None
        return _BoundInput(literal, _ONE_OF_SEVERAL) if literal is not None else None

    def _from_outputs(
        self, name: str, schema: Schema, parents: list[StepId], read: set[StepId]
    ) -> Iterator[_BoundInput]:
        fits: list[StepRef] = []
        for parent in parents:
            made = self._offered[self.steps[parent].capability]
            if name in made.outputs and compatible(made.outputs[name], schema):
                yield _BoundInput(StepRef(step=parent, path=(name,)), _SAME_NAME)
            fits += [StepRef(step=parent, path=(key,)) for key, part in made.outputs.items() if _agree(part, schema)]
            if not made.outputs and compatible(made.output, schema):
                fits.append(StepRef(step=parent))
        if len(fits) > 1 and types(schema) == {"array"} and not any(ref.path for ref in fits):
            yield _BoundInput(Gather(gather=tuple(fits)), _ONLY_FIT)
        unread = [ref for ref in fits if ref.step not in read]
        if unread:
            yield _BoundInput(unread[0], _ONLY_FIT_OF_PARENT if len(unread) == 1 else _ONE_OF_SEVERAL)
        elif fits:
            yield _BoundInput(fits[0], _ONE_OF_SEVERAL)

    def _from_task(self, name: str, schema: Schema) -> Iterator[_BoundInput]:
        schemas = {key: {"type": json_type(value)} for key, value in self._task.inputs.items()}
        if name in schemas and compatible(schemas[name], schema):
            yield _BoundInput(InputRef(input=name), _SAME_NAME)
        fits = [key for key, made in schemas.items() if _agree(made, schema)]
        if fits:
            yield _BoundInput(InputRef(input=fits[0]), _ONLY_FIT if len(fits) == 1 else _ONE_OF_SEVERAL)


@lru_cache(maxsize=8)  # one request is bound for each of its guesses
def _goal_and_literals(text: str) -> tuple[str, tuple[Literal, ...]]:
    goal = collapsed(text)
    return goal, tuple(literals(goal))


def _agree(made: Schema, wanted: Schema) -> bool:
    """Whether both schemas give their types and the types overlap; without a type, a value fits only by name."""
    return bool(types(made)) and bool(types(wanted)) and compatible(made, wanted)
