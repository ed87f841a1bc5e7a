"""Which steps a plan that is coming may skip, or give other inputs, because of what has happened since the present one.

A step has failed and the workflow goes on without it, an element was dropped, or a fan-out is complete without some of
its results: what follows from that is not decided before the next plan is there. Everything else goes on.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from planners.model import StepId
from planners.plans import Plan


class StepChange(NamedTuple):
    """What has become of some steps.

    Attributes:
        steps: those that have failed, were dropped, have proposed something, or are the elements of a fan-out that is
            complete. Empty if the plan holds none of their steps: then anything may read them.
        skips: whether the next plan may skip what needs their outputs. If not, it gives that other inputs.
        within: the fan-out in which alone steps can be skipped: others read the fan-out, which goes on.
        around: whether the fan-outs that the steps are in are not decided either, as their elements may have ended.
    """

    steps: frozenset[StepId]
    skips: bool = True
    within: StepId | None = None
    around: bool = False


class UndecidedSteps:
    """What changes leave undecided of one plan. Each step is looked at once or twice.

    Attributes:
        steps: those to which something has happened, and those that the next plan may skip or give other inputs.
        stale: those of them that it gives other inputs, if it holds them.
        fan_outs: those with elements that it may end.
    """

    def __init__(self, plan: Plan | None = None, changes: Iterable[StepChange] = ()) -> None:
        self._plan = plan
        self.steps: set[StepId] = set()
        self.stale: set[StepId] = set()
        self.fan_outs: set[StepId] = set()
        self._skippable: set[StepId] = set()
        self._new: list[StepId] = []
        for change in changes:
            self.add(change)

    def add(self, change: StepChange) -> None:
        """Take in a change."""
        if self._plan is None:
            return
        if not change.steps:  # a plan does not say what reads a fan-out without steps
            self.steps.update(self._plan.by_id)
            self.fan_outs.update(spec.id for spec in self._plan.fan_outs)
            return
        self.steps |= change.steps
        if change.around:
            self.add_fan_outs(change.steps)
        changed = change.steps
        if change.skips:
            changed = change.steps.union(self._skip(change))
        if not change.skips or change.within is not None:
            self._change_inputs(change, changed)

    def add_fan_outs(self, steps: Iterable[StepId]) -> None:
        """What ends of these steps means for the fan-outs around them is not decided."""
        for step in steps:
            self.fan_outs.update(self._fan_outs.get(step, ()))

    def take_stale(self) -> list[StepId]:
        """The steps that have become stale since the last call."""
        new, self._new = self._new, []
        return new

    def _skip(self, change: StepChange) -> set[StepId]:
        """Follow what may be skipped; returns it."""
        found, following = set[StepId](), set(change.steps)
        while following:
            readers = (one for step in following for one in self._readers.get(step, ()))
            inside = {one for one in readers if self._is_inside(one, change.within)}
            following = inside - self._skippable - change.steps
            found |= following
            self._skippable |= following
        self.steps |= found
        self.add_fan_outs(found)
        return found

    def _is_inside(self, step: StepId, fan_out: StepId | None) -> bool:
        return fan_out is None or fan_out in self._fan_outs.get(step, ())

    def _change_inputs(self, change: StepChange, changed: Iterable[StepId]) -> None:
        """Follow what reads the fan-out, or something of it, from outside."""
        following = set(changed)
        while following:
            readers = (one for step in following for one in self._readers.get(step, ()))
            following = {one for one in readers if one not in self.stale and not self._belongs(one, change)}
            self.stale |= following
            self.steps |= following
            self._new += following

    def _belongs(self, step: StepId, change: StepChange) -> bool:
        """Whether a step belongs to the fan-out to which something has happened."""
        return step in change.steps or (change.within is not None and self._is_inside(step, change.within))

    @cached_property
    def _readers(self) -> dict[StepId, list[StepId]]:
        assert self._plan is not None
        readers: dict[StepId, list[StepId]] = {}
        for planned in self._plan.steps:
            for parent in planned.step.parents:
                readers.setdefault(parent, []).append(planned.id)
        return readers

    @cached_property
    def _fan_outs(self) -> dict[StepId, list[StepId]]:
        assert self._plan is not None
        found: dict[StepId, list[StepId]] = {}
        for spec in self._plan.fan_outs:
            for step in (one for steps in spec.elements for one in steps):
                found.setdefault(step, []).append(spec.id)
        return found
