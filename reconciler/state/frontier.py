"""Which steps of a guess may start: those whose parents have all finished. Each step and edge is visited once."""

from collections.abc import Sequence

from planners.model import StepId
from planners.plans import Plan


class Frontier:
    """Counts down the unfinished parents of every step of one guess.

    A parent that the guess does not hold never finishes, so its children wait.
    """

    def __init__(self, plan: Plan) -> None:
        self._open_parents = {planned.id: len(planned.step.parents) for planned in plan.steps}
        self._children: dict[StepId, list[StepId]] = {}
        for planned in plan.steps:
            for parent in planned.step.parents:
                self._children.setdefault(parent, []).append(planned.id)
        self._taken: set[StepId] = set()
        self.ready: dict[StepId, None] = {step: None for step, count in self._open_parents.items() if count == 0}

    def finish(self, step: StepId) -> list[StepId]:
        """A step has finished, to be called once for each; returns the steps that this makes ready."""
        self.take(step)
        opened = []
        for child in self._children.get(step, ()):
            self._open_parents[child] -= 1
            if self._open_parents[child] == 0 and child not in self._taken:
                opened.append(child)
                self.ready[child] = None
        return opened

    def take(self, step: StepId) -> None:
        """The step is under way, or is never to start."""
        self._taken.add(step)
        self.ready.pop(step, None)

    def children(self, step: StepId) -> Sequence[StepId]:
        """The steps that wait for this one."""
        return self._children.get(step, ())
