"""Which steps of a plan may start: those whose parents have all ended well. Each step and edge is touched once."""

from collections.abc import Iterable

from planners.model import StepId
from planners.plans import Plan


class Frontier:
    """Counts down the unfinished parents of every step of one plan.

    A parent that the plan does not hold (it is behind something not unrolled yet) never finishes, so its children wait.
    """

    def __init__(self, plan: Plan, finished: Iterable[StepId] = ()) -> None:
        self._missing = {planned.id: len(planned.step.parents) for planned in plan.steps}
        self._children: dict[StepId, list[StepId]] = {}
        for planned in plan.steps:
            for parent in planned.step.parents:
                self._children.setdefault(parent, []).append(planned.id)
        self._finished: set[StepId] = set()
        self.unfinished = len(plan.steps)
        self.ready: dict[StepId, None] = {step: None for step, count in self._missing.items() if count == 0}
        for step in finished:
            self.finish(step)

    def finish(self, step: StepId) -> list[StepId]:
        """Record that a step ended well; returns the steps this makes ready."""
        if step in self._finished or step not in self._missing:
            return []
        self._finished.add(step)
        self.ready.pop(step, None)
        self.unfinished -= 1
        opened = []
        for child in self._children.get(step, ()):
            self._missing[child] -= 1
            if self._missing[child] == 0 and child not in self._finished:
                opened.append(child)
                self.ready[child] = None
        return opened

    def take(self, step: StepId) -> None:
        """The step is under way: no longer ready."""
        self.ready.pop(step, None)

    def put_back(self, step: StepId) -> None:
        """The step must be started again."""
        if self._missing.get(step) == 0 and step not in self._finished:
            self.ready[step] = None

    def parents_finished(self, step: StepId) -> bool:
        """Whether nothing keeps the step from starting."""
        return self._missing.get(step, 1) == 0
