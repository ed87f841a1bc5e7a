"""Which steps a plan that is coming may skip, or give other inputs, because of what has happened since the present one.

A step has failed and the workflow goes on without it, an element was dropped, or a fan-out is complete without some of
its results: what follows from that is not decided before the next plan is there. Everything else goes on.
"""

from collections.abc import Iterable, Iterator
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
        # A plan does not say what reads a fan-out without steps; one of an earlier version, what blocks need.
        if not change.steps or self._plan.blocks is None:
            self.steps.update(self._plan.by_id)
            if change.skips or not change.steps:
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
        found, seen, following = set[StepId](), set[int](), set(change.steps)
        while following:
            needing = self._needing(following, change, seen)
            following = {one for one in needing if one not in self._skippable and one not in change.steps}
            found |= following
            self._skippable |= following
        self.steps |= found
        self.add_fan_outs(found)
        return found

    def _needing(self, steps: Iterable[StepId], change: StepChange, seen: set[int]) -> Iterator[StepId]:
        """The steps that read these, or are inside a block that needs one; those of each block once."""
        assert self._plan is not None
        blocks, within = self._plan.blocks or (), change.within
        for step in steps:
            yield from (one for one in self._readers.get(step, ()) if self._is_inside(one, within))
            for number in self._blocks.get(step, ()):
                # A block is inside a fan-out, or outside, as a whole.
                if number not in seen and self._is_inside(blocks[number].steps[0], within):
                    seen.add(number)
                    yield from blocks[number].steps

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
    def _blocks(self) -> dict[StepId, list[int]]:
        """The numbers of the blocks that need a step."""
        assert self._plan is not None
        found: dict[StepId, list[int]] = {}
        for number, block in enumerate(self._plan.blocks or ()):
            for step in block.reads:
                found.setdefault(step, []).append(number)
        return found

    @cached_property
    def _fan_outs(self) -> dict[StepId, list[StepId]]:
        assert self._plan is not None
        found: dict[StepId, list[StepId]] = {}
        for spec in self._plan.fan_outs:
            for step in (one for steps in spec.elements for one in steps):
                found.setdefault(step, []).append(spec.id)
        return found
