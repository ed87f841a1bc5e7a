"""The finished turns of loops that the plan does not hold any more.

A loop of a thousand turns leads to a thousand plans. Each holds only the turns that have not finished and the steps
that they still read, so that planning, matching and recording a plan cost the same in every turn. What is left out is
kept here, for those who look at the run as a whole and for the rare case that such a step has to be done again.
"""

from collections.abc import Iterable, Iterator

from planners.model import StepId
from planners.plans import Plan, PlannedStep
from planners.workflow import FanOut, LoopTurn, Skipped


class History:
    """Steps by id as the plan held them, and what belongs to them. ``due``: nodes that the next plan may leave out."""

    def __init__(self) -> None:
        self.steps: dict[StepId, PlannedStep] = {}
        self.due: dict[StepId, None] = {}
        self._skipped: dict[StepId, Skipped] = {}
        self._fan_outs: dict[StepId, FanOut] = {}
        self._turns: dict[tuple[StepId, int], LoopTurn] = {}

    def add(self, turn: LoopTurn, plan: Plan) -> None:
        """A turn of a plan has finished, and no later plan has to hold it."""
        self._turns[turn.loop, turn.turn] = turn
        self.due.update(dict.fromkeys((*turn.steps, *turn.inner)))
        for step in turn.steps:
            self.steps.setdefault(step, plan.by_id[step])

    def replace(self, before: Plan | None, after: Plan) -> list[StepId]:
        """A plan replaces another one; returns the due nodes that it leaves out."""
        gone = [node for node in self.due if node not in after.by_id]
        if gone and before is not None:
            left_out = frozenset(gone)
            self._skipped.update({one.id: one for one in before.skipped if one.id in left_out})
            self._fan_outs.update({one.id: one for one in before.fan_outs if one.id in left_out})
        for node in gone:
            del self.due[node]
        return gone

    def close(self, plan: Plan) -> None:
        """Nothing of a plan has to be held by later ones."""
        for planned in plan.steps:
            self.steps.setdefault(planned.id, planned)
        self._skipped.update({one.id: one for one in plan.skipped})
        self._fan_outs.update({one.id: one for one in plan.fan_outs})
        self._turns.update({(one.loop, one.turn): one for one in plan.loops})
        self.due.clear()

    def whole(self, plan: Plan) -> Plan:
        """The plan together with what it leaves out. Linear; the plan itself where nothing is left out."""
        if not self.steps:
            return plan
        steps = {**self.steps, **{one.id: one for one in plan.steps if one.id not in self.steps}}
        skipped = self._skipped | {one.id: one for one in plan.skipped}
        fan_outs = self._fan_outs | {one.id: one for one in plan.fan_outs}
        turns = self._turns | {(one.loop, one.turn): one for one in plan.loops}
        return plan.model_copy(
            update={
                "steps": tuple(_in_order(steps)),
                "skipped": tuple(skipped.values()),
                "fan_outs": tuple(fan_outs.values()),
                "loops": tuple(turns.values()),
            }
        )


def _in_order(steps: dict[StepId, PlannedStep]) -> Iterator[PlannedStep]:
    """Parents before children; otherwise in the given order."""
    placed: set[StepId] = set()
    for step in steps.values():
        stack = [step]
        while stack:
            top = stack[-1]
            missing = [p for p in _parents(top, steps) if p.id not in placed]
            if top.id not in placed and missing:
                stack += missing
                continue
            stack.pop()
            if top.id not in placed:
                placed.add(top.id)
                yield top


def _parents(step: PlannedStep, steps: dict[StepId, PlannedStep]) -> Iterable[PlannedStep]:
    return (steps[parent] for parent in step.step.parents if parent in steps)
