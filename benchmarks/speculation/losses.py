"""Why a run ended later than it could have: the waits along the chain of steps that ended last, by cause."""

from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum

from planners.model import StepId
from planners.plans import Plan
from reconciler.state.outcomes import Verdict
from reconciler.views.models import Timeline, TimelineBar


class Cause(StrEnum):
    """Why a step did not start as soon as its parents had ended.

    ``UNGUESSED``: no guess held its work, so it waited for the plan. ``REFUSED``: as before, and the gate had refused
    a guess at the same agent. ``LATE``: it was guessed, but later than it could have started; for first steps that is
    the time of the guess. ``OVERHEAD``: the plan held it by then, or it was dispatched and had not begun. ``PLAN``: all
    steps had ended, but the plan was not complete.
    """

    UNGUESSED = "unguessed"
    REFUSED = "refused"
    LATE = "late"
    OVERHEAD = "overhead"
    PLAN = "plan"


def lost_s(timeline: Timeline, plan: Plan) -> dict[Cause, float]:
    """Seconds by cause of one run that has ended; with the steps of the chain they add up to its duration.

    Args:
        timeline: of the run.
        plan: the optimal plan that it carried out.
    """
    bars = {bar.step: bar for bar in timeline.bars if bar.status == "finished" and bar.verdict is not Verdict.FLUSH}
    last = _last(bars, [planned.id for planned in plan.steps])
    lost = defaultdict[Cause, float](float)
    if last is None or timeline.ended_s is None:
        return lost
    plan_s = timeline.optimal_plan_s or 0.0
    refused = {decision.agent for decision in timeline.refusals}
    end_s = _end_s(bars[last])
    lost[Cause.PLAN if plan_s > end_s else Cause.OVERHEAD] += timeline.ended_s - end_s
    while last is not None:
        bar, before = bars[last], _last(bars, plan.by_id[last].step.parents)
        ready_s = 0.0 if before is None else _end_s(bars[before])
        began_s = bar.dispatched_s if bar.started_s is None else bar.started_s
        lost[_cause(bar, ready_s, plan_s, is_refused=bar.agent in refused)] += bar.dispatched_s - ready_s
        lost[Cause.OVERHEAD] += began_s - bar.dispatched_s
        last = before
    return lost


def _cause(bar: TimelineBar, ready_s: float, plan_s: float, *, is_refused: bool) -> Cause:
    """Why it was dispatched only after ``ready_s``, when its parents had ended."""
    if bar.appraisal is not None:
        return Cause.LATE
    if plan_s <= ready_s:
        return Cause.OVERHEAD
    return Cause.REFUSED if is_refused else Cause.UNGUESSED


def _last(bars: Mapping[StepId, TimelineBar], among: list[StepId] | tuple[StepId, ...]) -> StepId | None:
    """The step that ended last."""
    return max((step for step in among if step in bars), key=lambda step: _end_s(bars[step]), default=None)


def _end_s(bar: TimelineBar) -> float:
    return bar.dispatched_s if bar.ended_s is None else bar.ended_s
