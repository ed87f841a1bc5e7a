"""Which steps each step of a plan waits for: its parents, and what finished parents of it are to follow.

A step may finish before all that it follows is planned: its parent proposes further steps, or a list turns out to be
longer than guessed. If one of those fails, the next plan may skip the step, and what reads it with it. The end of the
step therefore counts only once they have finished, too.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Self

from planners.model import StepId
from planners.plans import Plan, PlannedStep


class AwaitedSteps:
    """What the steps of one plan wait for. A parent that the plan does not hold never finishes.

    Attributes:
        of: step -> those that it waits for.
        early: steps that have finished ahead of others that they follow. Their ends do not count yet.
    """

    def __init__(self, steps: Iterable[StepId] = ()) -> None:
        self.of: dict[StepId, Collection[StepId]] = {}
        self.early: dict[StepId, None] = {}
        self._open: dict[StepId, int] = dict.fromkeys(steps, 0)
        self._children: dict[StepId, list[StepId]] = {}

    @classmethod
    def of_plan(cls, plan: Plan, finished: Collection[StepId], counted: Callable[[StepId], bool]) -> Self:
        """Linear, but for the steps that have finished too early.

        Args:
            plan: the plan.
            finished: its steps that have finished.
            counted: whether the end of a finished step has counted under the plan before.
        """
        found, early = cls(), dict[StepId, list[StepId]]()  # finished steps -> the open ones of the plan they follow
        for planned in plan.steps:
            waits: Collection[StepId] = planned.step.parents
            if early and not early.keys().isdisjoint(waits):
                waits = list(dict.fromkeys((*waits, *(one for parent in waits for one in early.get(parent, ())))))
            found._add(planned.id, waits, sum(parent not in finished for parent in waits))
            # What the plan does not hold is behind something not unrolled yet, or in a finished turn of a loop.
            if planned.id in finished and (
                ahead := [one for one in waits if one not in finished and one in plan.by_id]
            ):
                early[planned.id] = ahead
        found.early = {step: None for step in early if not counted(step)}
        return found

    def open(self, step: StepId) -> int:
        """How many of the steps that it waits for have not finished."""
        return self._open.get(step, 0)

    def restore(self, planned: PlannedStep) -> None:
        """The plan holds this finished step again."""
        self._add(planned.id, planned.step.parents, 0)

    def finish(self, step: StepId) -> list[StepId]:
        """A step finishes; returns those that waited for it last."""
        children = self._children.get(step, ())
        for child in children:
            self._open[child] -= 1
        return [child for child in children if not self._open[child]]

    def finish_early(self, step: StepId, is_open: Callable[[StepId], bool]) -> bool:
        """Whether a step that finishes has run ahead of open ones that it follows: its children wait for those, too."""
        ahead = [one for one in self.of[step] if is_open(one)] if self._open[step] else []
        if not ahead:
            return False
        self.early[step] = None
        for child in self._children.get(step, ()):
            new = [one for one in ahead if one not in self.of[child]]
            self._add(child, new, self._open[child] + len(new), after=self.of[child])
        return True

    def reopen(self, step: StepId) -> list[StepId]:
        """A finished step has to finish again; returns those that wait for it."""
        children = self._children.get(step, [])
        for child in children:
            self._open[child] += 1
        return children

    def _add(self, step: StepId, waits: Collection[StepId], count: int, after: Collection[StepId] = ()) -> None:
        self._open[step], self.of[step] = count, (*after, *waits) if after else waits
        for parent in waits:
            self._children.setdefault(parent, []).append(step)
