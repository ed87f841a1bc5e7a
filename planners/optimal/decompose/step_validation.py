"""Whether a step somebody wrote can be run: known capability, known references, required inputs bound, no cycle."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from planners.bindings import Binding, ItemRef, StepRef, follow, input_refs, leaves, map_binding, step_refs
from planners.canonical import canonical_id, canonical_inputs
from planners.errors import PlanningError
from planners.interfaces import Interface
from planners.model import StepId
from planners.optimal.decompose.goals import GoalText
from planners.workflow import Step


class BadStep(PlanningError):
    """A step cannot be part of the workflow as it is written; the message is fit to be told to who wrote it."""


@dataclass
class StepValidation:
    """The steps of one goal, in the order they became valid. Holds back a step that reads one not written yet.

    ``offered``: interfaces by capability (`planners.interfaces`).
    Steps keep the ids their author gave them inside; what `accept` and `close` return has canonical ids and bindings.
    """

    goal: GoalText
    offered: Mapping[str, Interface]
    steps: dict[StepId, Step] = field(default_factory=dict)
    _waiting: dict[StepId, Step] = field(default_factory=dict)
    _names: dict[StepId, StepId] = field(default_factory=dict)

    def accept(self, step: Step) -> Iterator[Step]:
        """Yields the steps that this one makes complete: itself and those that waited for it; a repetition nothing.

        Raises:
            BadStep: a step can never be valid; it is forgotten, what was yielded before stands.
        """
        if (before := self.steps.get(step.id) or self._waiting.get(step.id)) is not None:
            if _work(before) == _work(step):
                return
            raise BadStep(f"step '{step.id}' is already written and differs; give each step its own id")
        self._check(step)
        self._waiting[step.id] = step
        while (ready := next(filter(self._is_ready, self._waiting.values()), None)) is not None:
            del self._waiting[ready.id]
            self._check_paths(ready)
            self.steps[ready.id] = ready
            yield self._canonical(ready)

    def close(self) -> None:
        """The author has ended.

        Raises:
            BadStep: steps still wait for others: a cycle, or steps that were never written.
        """
        if not self._waiting:
            return
        unknown = {
            ref: step.id
            for step in self._waiting.values()
            for ref in step.parents
            if ref not in self.steps and ref not in self._waiting
        }
        waiting, self._waiting = self._waiting, {}
        if unknown:
            ref, reader = next(iter(unknown.items()))
            raise BadStep(f"step '{reader}' reads '$steps.{ref}', and there is no step '{ref}'")
        raise BadStep(f"the steps {' -> '.join(_cycle(waiting))} wait for each other; no step may depend on itself")

    def drop_waiting(self) -> None:
        """Forget what was held back; the author starts anew after the confirmed steps."""
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
        if any(isinstance(part, ItemRef) for part in leaves(binding)):
            raise BadStep("$item stands for nothing here; bind $inputs, $steps or a literal", step.id)
        for ref in input_refs(binding):
            if ref.input in self.goal.later:
                continue
            if ref.input not in self.goal.inputs:
                names = [*self.goal.inputs, *self.goal.later]
                raise BadStep(_unknown("task input", ref.input, names), step.id)
            try:
                follow(self.goal.inputs[ref.input], ref.path)
            except LookupError as missing:
                raise BadStep(f"'$inputs.{ref.input}' has {missing}", step.id) from None

    def _check_paths(self, step: Step) -> None:
        """A reference may name a part of an output only if the capability says it makes that part."""
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


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    choices = list(known)
    near = get_close_matches(name, choices, n=3) or sorted(choices)[:8]
    return f"there is no {what} '{name}'; " + (f"there is {', '.join(near)}" if near else "there is none at all")


def _cycle(waiting: Mapping[StepId, Step]) -> list[StepId]:
    """Follow waited-for parents until one repeats; what lies between is a cycle."""
    path = [next(iter(waiting))]
    while True:
        parent = next(parent for parent in waiting[path[-1]].parents if parent in waiting)
        if parent in path:
            return [*path[path.index(parent) :], parent]
        path.append(parent)
