"""What would shorten a plan: waits on its critical path that no data needs."""

from itertools import pairwise
from typing import NamedTuple

from planners.graph import PlanGraph
from planners.model import StepId
from planners.plans import Plan

# Each one costs a pass over the plan.
_MOST_TRIED = 20


class NeedlessWait(NamedTuple):
    """A step that is ``after`` another one and reads nothing of it, and how much sooner the plan could end without."""

    step: StepId
    waits_for: StepId
    saved_s: float

    def __str__(self) -> str:
        return (
            f"'{self.step}' is after '{self.waits_for}' and reads nothing of it; "
            f"side by side, the plan could end {self.saved_s:.3g} s sooner"
        )


def needless_waits(plan: Plan) -> list[NeedlessWait]:
    """The waits on the critical path without which the plan could end sooner, the largest gain first."""
    figures, found = PlanGraph(plan).figures(), list[NeedlessWait]()
    for parent, child in list(pairwise(figures.critical_path))[:_MOST_TRIED]:
        if parent in plan.by_id[child].step.data_parents:
            continue
        saved_s = figures.floor_s - PlanGraph(_without(plan, parent, child)).figures().floor_s
        if saved_s > 0:
            found.append(NeedlessWait(child, parent, saved_s))
    return sorted(found, key=lambda wait: (-wait.saved_s, wait.step))


def _without(plan: Plan, parent: StepId, child: StepId) -> Plan:
    def changed(after: tuple[StepId, ...]) -> tuple[StepId, ...]:
        return tuple(step for step in after if step != parent)

    steps = [
        planned.model_copy(update={"step": planned.step.model_copy(update={"after": changed(planned.step.after)})})
        if planned.id == child
        else planned
        for planned in plan.steps
    ]
    return plan.model_copy(update={"steps": tuple(steps)})
