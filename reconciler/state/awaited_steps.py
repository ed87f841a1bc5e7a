"""Which steps each step of a plan waits for: its parents, and what finished parents of it are to follow.

A step may finish before all that it follows is planned: its parent proposes further steps, or a list turns out to be
longer than guessed. If one of those fails, the next plan may skip the step, and what reads it with it.
"""

from collections.abc import Collection

from planners.model import StepId
from planners.plans import Plan


def awaited_steps(plan: Plan, finished: Collection[StepId]) -> dict[StepId, Collection[StepId]]:
    """The steps of a plan -> those that each waits for. Linear, but for the steps that have finished too early."""
    awaited: dict[StepId, Collection[StepId]] = {}
    early: dict[StepId, list[StepId]] = {}  # finished steps -> the open ones of the plan that they follow
    for planned in plan.steps:
        waits: Collection[StepId] = planned.step.parents
        if early and not early.keys().isdisjoint(waits):
            waits = list(dict.fromkeys((*waits, *(one for parent in waits for one in early.get(parent, ())))))
        awaited[planned.id] = waits
        # What the plan does not hold is behind something not unrolled yet, or in a finished turn of a loop.
        if planned.id in finished and (ahead := [one for one in waits if one not in finished and one in plan.by_id]):
            early[planned.id] = ahead
    return awaited
