"""Validates steps that a decomposer writes: capability, references, required inputs, no cycle."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from planners.bindings import (
    Binding,
    ContextRef,
    ItemRef,
    StepRef,
    computed_in,
    follow,
    input_refs,
    leaves,
    map_binding,
    shorthand,
    step_refs,
)
from planners.canonical import canonical_id, canonical_inputs
from planners.errors import DecomposeFailed, PlanningError
from planners.graph import cycle
from planners.interfaces import Interface
from planners.model import StepId
from planners.optimal.decompose.goals import GoalText
from planners.validation.suggestions import nearest, shown
from planners.workflow import Step


class BadStep(PlanningError):
    """A step cannot be part of the workflow as it is written; the message can be sent to its author."""


@dataclass
class StepValidation:
    """The steps of one goal, in the order they became valid. A step that reads one not yet written is held back.

    ``offered``: interfaces by capability (`planners.interfaces`). ``max_steps`` bounds the steps, held back or not.
    Inside, steps keep their author's ids; the steps that `accept` yields have canonical ids and bindings.
    """

    goal: GoalText
    offered: Mapping[str, Interface]
    max_steps: int = 100_000
    steps: dict[StepId, Step] = field(default_factory=dict)
    _waiting: dict[StepId, Step] = field(default_factory=dict)
    _names: dict[StepId, StepId] = field(default_factory=dict)

    def accept(self, step: Step) -> Iterator[Step]:
        """Yields the steps that this one completes: itself and those that waited for it. A repetition yields nothing.

        Raises:
            BadStep: a step can never be valid; it is dropped, and what was yielded before remains.
            DecomposeFailed: there are too many steps.
        """
        if (before := self.steps.get(step.id) or self._waiting.get(step.id)) is not None:
            if _work(before) == _work(step):
                return
            raise BadStep(f"step '{step.id}' is already written and differs; give each step its own id")
        if len(self.steps) + len(self._waiting) >= self.max_steps:
            raise DecomposeFailed(f"the plan has more than {self.max_steps} steps", "goal", "split the goal")
        self._check(step)
        self._waiting[step.id] = step
        while (ready := next(filter(self._is_ready, self._waiting.values()), None)) is not None:
            del self._waiting[ready.id]
            self._check_paths(ready)
            self.steps[ready.id] = ready
            yield self._canonical(ready)

    def close(self) -> None:
        """Check that no step is held back at the end.

        Raises:
            BadStep: steps still wait for others: a cycle, or steps that were never written.
        """
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        for step in waiting.values():
            for ref in step.parents:
                if ref not in self.steps and ref not in waiting:
                    raise BadStep(f"step '{step.id}' reads '$steps.{shown(ref)}', and there is no such step")
        path = cycle({step.id: [ref for ref in step.parents if ref in waiting] for step in waiting.values()}) or []
        raise BadStep(f"the steps {' -> '.join([*path, *path[:1]])} form a cycle; no step may depend on itself")

    def drop_waiting(self) -> None:
        """Drop the steps held back; the author continues after the confirmed steps."""
        self._waiting = {}

    def _is_ready(self, step: Step) -> bool:
        return all(parent in self.steps for parent in step.parents)

    def _canonical(self, step: Step) -> Step:
        name = canonical_id(step.capability, set(self._names.values()))
        self._names[step.id] = name
        bound = canonical_inputs(step, self.offered[step.capability])
        return step.model_copy(
            update={
                "id": name,
                "inputs": {key: _renamed(binding, self._names) for key, binding in bound.items()},
                "after": tuple(self._names[parent] for parent in step.after if parent not in step.data_parents),
            }
        )

    def _check(self, step: Step) -> None:
        interface = self.offered.get(step.capability)
        if interface is None:
            raise BadStep(_unknown("capability", step.capability, self.offered), step.id)
        if not interface.open and (extra := sorted(step.inputs.keys() - interface.inputs.keys())):
            raise BadStep(_unknown(f"input of {step.capability}", extra[0], interface.inputs), step.id)
        if missing := sorted(interface.required - step.inputs.keys()):
            raise BadStep(f"input '{missing[0]}' of {step.capability} must be bound", step.id)
        if step.id in step.parents:
            raise BadStep(f"step '{step.id}' depends on itself", step.id)
        for binding in step.inputs.values():
            self._check_inputs(step, binding)

    def _check_inputs(self, step: Step, binding: Binding) -> None:
        if any(computed_in(binding)):
            raise BadStep("an input is an expression; bind $inputs, $steps or a literal", step.id)
        if unknown := next((leaf for leaf in leaves(binding) if isinstance(leaf, ItemRef | ContextRef)), None):
            raise BadStep(f"{shorthand(unknown)} has no meaning here; bind $inputs, $steps or a literal", step.id)
        for ref in input_refs(binding):
            if ref.input in self.goal.later:
                continue
            if ref.input not in self.goal.inputs:
                names = [*self.goal.inputs, *self.goal.later]
                raise BadStep(_unknown("task input", ref.input, names), step.id)
            try:
                follow(self.goal.inputs[ref.input], ref.path)
            except LookupError as missing:
                raise BadStep(f"'$inputs.{ref.input}' has {missing.args[0]}", step.id) from None

    def _check_paths(self, step: Step) -> None:
        """A reference may name a part of an output only if the capability declares that part."""
        for ref in (ref for binding in step.inputs.values() for ref in step_refs(binding)):
            made = self.offered[self.steps[ref.step].capability].outputs
            if ref.path and made and ref.path[0] not in made:
                raise BadStep(_unknown(f"output of step '{ref.step}'", str(ref.path[0]), made), step.id)


def _work(step: Step) -> tuple[str, dict[str, Binding], frozenset[StepId]]:
    return step.capability, step.inputs, frozenset(step.parents)


def _renamed(binding: Binding, names: Mapping[StepId, StepId]) -> Binding:
    return map_binding(
        binding, lambda leaf: StepRef(step=names[leaf.step], path=leaf.path) if isinstance(leaf, StepRef) else leaf
    )


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    return f"there is no {what} '{shown(name)}'; {nearest(name, known)}"
