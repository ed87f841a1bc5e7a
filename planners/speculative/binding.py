"""Where the inputs of guessed steps come from: habits first, then what the schemas say fits."""

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pydantic import JsonValue

from planners.bindings import Binding, Gather, InputRef, StepRef, Value, follow, step_refs
from planners.canonical import canonical_id, canonical_inputs
from planners.interfaces import Interface, Schema, compatible, json_type, types
from planners.model import StepId
from planners.speculative.plan_cache import PlanCache, goal_of
from planners.speculative.predictor import GuessedPlan
from planners.speculative.template import Literal, SlotKind, filled, literals
from planners.tasks import Task
from planners.workflow import Step

# How sure a binding is that only the schemas suggest: the same name; the only fit of a predicted parent that no other
# input reads (why else the edge?); the only fit; one of several.
_NAMED, _EDGE, _ONLY, _SOME = 0.85, 0.75, 0.6, 0.3
_HABIT = 0.02  # a habit rarer than this is not tried


class BoundSteps(NamedTuple):
    """Steps that can be run as they stand, and how likely the optimal plan holds each with these very inputs."""

    steps: tuple[Step, ...]
    probability: dict[StepId, float]


class _Found(NamedTuple):
    binding: Binding
    p: float


def bind(guess: GuessedPlan, task: Task, offered: Mapping[str, Interface], memory: PlanCache) -> BoundSteps:
    """The guessed steps with their inputs bound.

    A step with a required input that nothing fits is left out, and so is what depends on it: work that cannot be right
    must not be started. P(step) is the predictor's P that its work survives, times the P of each binding of the step
    and its data ancestors, each once. Where the predictor does not say, P(work) is the product of their P(step), but at
    least P(whole plan).
    """
    binder = _Binder(guess, task, offered, memory)
    for index in range(len(guess.steps)):
        binder.place(index)
    return BoundSteps(tuple(binder.steps.values()), binder.probabilities())


class _Binder:
    def __init__(self, guess: GuessedPlan, task: Task, offered: Mapping[str, Interface], memory: PlanCache) -> None:
        self._guess = guess
        self._task = task
        self._offered = offered
        self._memory = memory
        self._goal = goal_of(task) or ""
        self._unused: list[Literal] = literals(self._goal)
        self._ids: dict[int, StepId] = {}
        self._own: dict[StepId, tuple[float, float]] = {}
        self.steps: dict[StepId, Step] = {}

    def place(self, index: int) -> None:
        """Bind one step, its parents being placed."""
        capability = self._guess.steps[index]
        interface = self._offered.get(capability)
        if interface is None:
            return
        parents = [self._ids.get(parent) for parent in self._guess.parents_of(index)]
        if any(parent is None for parent in parents):
            return
        known = [parent for parent in parents if parent is not None]
        bound: dict[str, _Found] = {}
        for name, schema in interface.inputs.items():
            read = {ref.step for what in bound.values() for ref in step_refs(what.binding)}
            if (found := self._input(interface, name, schema, known, read)) is not None:
                bound[name] = found
        if interface.required - bound.keys():
            return
        self._add(index, interface, bound, known)

    def probabilities(self) -> dict[StepId, float]:
        """P of each step, as `bind` says."""
        result, above = {}, dict[StepId, set[StepId]]()
        index_of = {step: index for index, step in self._ids.items()}
        for step in self.steps.values():
            above[step.id] = {step.id}.union(*(above[parent] for parent in step.data_parents))
            stepwise, bindings = 1.0, 1.0
            for ancestor in sorted(above[step.id]):
                stepwise *= self._own[ancestor][0]
                bindings *= self._own[ancestor][1]
            known = self._guess.work_p(index_of[step.id])
            work = max(stepwise, self._guess.probability) if known is None else known
            result[step.id] = min(1.0, work * bindings)
        return result

    def _add(self, index: int, interface: Interface, bound: Mapping[str, _Found], parents: list[StepId]) -> None:
        step_id = canonical_id(interface.capability, self.steps)
        step = Step(
            id=step_id, capability=interface.capability, inputs={name: what.binding for name, what in bound.items()}
        )
        step = step.model_copy(update={"inputs": canonical_inputs(step, interface)})
        # An edge that carries no data is an order the optimal planner would have to write down as such.
        after = tuple(parent for parent in parents if parent not in step.data_parents)
        self.steps[step_id] = step.model_copy(update={"after": after})
        self._ids[index] = step_id
        certainty = 1.0
        for what in bound.values():
            certainty *= what.p
        self._own[step_id] = (self._guess.step_p(index), certainty)

    def _input(
        self, interface: Interface, name: str, schema: Schema, parents: list[StepId], read: set[StepId]
    ) -> _Found | None:
        optional = name not in interface.required
        # A habit that cannot be followed here (no such parent is predicted) says nothing of this step.
        habits = [habit for habit in self._memory.sources(interface.capability, name) if self._open(habit[0], parents)]
        total = sum(share for _, share in habits)
        for source, share in sorted(habits, key=lambda habit: -habit[1]):
            if share >= _HABIT and (binding := self._by_habit(source, schema, parents)) is not None:
                return _Found(binding, share / total)
        return None if optional else self._by_schema(name, schema, parents, read)

    def _open(self, source: str, parents: list[StepId]) -> bool:
        """Whether a habit can be followed, given what is predicted and submitted."""
        kind, what, *rest = json.loads(source)
        if kind in ("step", "gather"):
            return any(self.steps[step].capability == what for step in self._near(parents))
        return kind != "input" or self._task_input(what, tuple(rest[0])) is not None

    def _by_habit(self, source: str, schema: Schema, parents: list[StepId]) -> Binding | None:
        kind, what, *rest = json.loads(source)
        match kind:
            case "input":
                return self._task_input(what, tuple(rest[0]))
            case "value":
                return self._literal(what, schema)
            case "step" | "gather":
                made = [step for step in self._near(parents) if self.steps[step].capability == what]
                refs = tuple(StepRef(step=step, path=tuple(rest[0])) for step in made)
                return (Gather(gather=refs) if kind == "gather" else refs[0]) if refs else None
        return None

    def _task_input(self, name: str, path: tuple[str | int, ...]) -> Binding | None:
        try:
            follow(self._task.inputs[name], path)
        except LookupError:
            return None
        return InputRef(input=name, path=path)

    def _literal(self, value: JsonValue, schema: Schema) -> Binding | None:
        """A remembered literal: as it is, or the next value of the same kind that this goal holds."""
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

    def _by_schema(self, name: str, schema: Schema, parents: list[StepId], read: set[StepId]) -> _Found | None:
        """The likeliest of what fits; a value of the goal only where nothing else does."""
        fits = [*self._from_outputs(name, schema, parents, read), *self._from_task(name, schema)]
        if fits:
            return max(fits, key=lambda found: found.p)
        literal = self._next_literal(schema, number=False) if types(schema) & {"string", "integer", "number"} else None
        return _Found(literal, _SOME) if literal is not None else None

    def _from_outputs(self, name: str, schema: Schema, parents: list[StepId], read: set[StepId]) -> Iterator[_Found]:
        fits: list[StepRef] = []
        for parent in parents:
            made = self._offered[self.steps[parent].capability]
            if name in made.outputs and compatible(made.outputs[name], schema):
                yield _Found(StepRef(step=parent, path=(name,)), _NAMED)
            fits += [StepRef(step=parent, path=(key,)) for key, part in made.outputs.items() if _surely(part, schema)]
            if not made.outputs and compatible(made.output, schema):
                fits.append(StepRef(step=parent))
        if len(fits) > 1 and types(schema) == {"array"} and not any(ref.path for ref in fits):
            yield _Found(Gather(gather=tuple(fits)), _ONLY)
        unread = [ref for ref in fits if ref.step not in read]
        if unread:
            yield _Found(unread[0], _EDGE if len(unread) == 1 else _SOME)
        elif fits:
            yield _Found(fits[0], _SOME)

    def _from_task(self, name: str, schema: Schema) -> Iterator[_Found]:
        kinds = {key: {"type": json_type(value)} for key, value in self._task.inputs.items()}
        if name in kinds and compatible(kinds[name], schema):
            yield _Found(InputRef(input=name), _NAMED)
        fits = [key for key, kind in kinds.items() if _surely(kind, schema)]
        if fits:
            yield _Found(InputRef(input=fits[0]), _ONLY if len(fits) == 1 else _SOME)


def _surely(made: Schema, wanted: Schema) -> bool:
    """Whether both say their type and the types agree: what is not said fits only by name."""
    return bool(types(made)) and bool(types(wanted)) and compatible(made, wanted)
