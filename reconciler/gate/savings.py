"""Seconds saved on the critical path by starting a step before the optimal plan is there.

With E the moment the optimal plan is expected, p the end of the step's parents, d its seconds, tail the longest path
after it, and T the end of the run if all of the guess that may start early does (not before E: it must be confirmed):

    L      = max(0, max(E, p) + d + tail - T)      it starts only at E, and with it all that needs it
    enabled = max(0, max(E, end) + tail - T)       it starts early, what needs it only at E
    own    = L - enabled

Since end + tail = T - slack, L is (max(E, p) - max(now, p)) - slack: never more than the wait for the plan, with slack
subtracted. Along a path the own parts add up to what the path saves. Critical path method: Kelley and Walker, 1959.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from planners.model import StepId
from planners.plans import Plan

# Start and end of two steps of a schedule that differ by less are the same moment.
_MOMENT_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Timing:
    """One step of the guess, in seconds from admission, and what starting it early saves."""

    start_s: float
    end_s: float
    saved_s: float
    own_s: float

    @property
    def enabled_s(self) -> float:
        """The part of what it saves that the steps behind it have to earn by surviving too."""
        return self.saved_s - self.own_s


@dataclass(frozen=True, slots=True)
class Paths:
    """Timings of the steps not under way, and who waits for whom (data, order, and the room on a node)."""

    timing: Mapping[StepId, Timing]
    children: Mapping[StepId, tuple[StepId, ...]]


def savings(  # noqa: PLR0913 the quantities of one formula, named at the call
    plan: Plan,
    seconds: Mapping[StepId, float],
    *,
    now_s: float,
    expected_plan_s: float,
    under_way: Mapping[StepId, float],
    may_start: Mapping[StepId, bool],
) -> Paths:
    """What each step of the guess saves. Linear in steps and edges.

    Args:
        plan: the guess, in topological order.
        seconds: expected seconds of each step.
        now_s: now.
        expected_plan_s: when the optimal plan is expected.
        under_way: step -> when its dispatched attempt ends or ended.
        may_start: whether a step may start before the optimal plan; one that may not waits for it.
    """
    parents = _waits(plan)
    early: dict[StepId, tuple[float, float]] = {}
    for planned in plan.steps:
        ready_s = max((early[parent][1] for parent in parents[planned.id]), default=now_s)
        if planned.id in under_way:
            early[planned.id] = (now_s, under_way[planned.id])
            continue
        start_s = max(ready_s, now_s if may_start[planned.id] else max(now_s, expected_plan_s))
        early[planned.id] = (start_s, start_s + seconds[planned.id])
    children = _inverted(parents)
    tails = _tails(plan, seconds, children)
    end_s = max(expected_plan_s, max((early[step][1] + tails[step] for step in early), default=now_s))

    def timing(step: StepId) -> Timing:
        start_s, finish_s = early[step]
        if not may_start[step]:
            return Timing(start_s, finish_s, 0.0, 0.0)
        late_s = max(expected_plan_s, start_s)
        saved_s = max(0.0, late_s + seconds[step] + tails[step] - end_s)
        enabled_s = max(0.0, max(expected_plan_s, finish_s) + tails[step] - end_s)
        return Timing(start_s, finish_s, saved_s, saved_s - min(saved_s, enabled_s))

    return Paths({step: timing(step) for step in early if step not in under_way}, children)


def _waits(plan: Plan) -> dict[StepId, list[StepId]]:
    """Parents of each step in the guess, and the step whose end makes its room on the node free.

    In a schedule without idle waiting a step starts when a parent ends or when its room gets free, so without the
    second kind a step that merely queues would seem to have slack.
    """
    freed: dict[tuple[str, float], list[StepId]] = {}
    waits: dict[StepId, list[StepId]] = {}
    for planned in plan.steps:
        placement = planned.placement
        waits[planned.id] = [parent for parent in planned.step.parents if parent in waits]
        freeing = freed.get((placement.node, round(placement.start_s, _MOMENT_DIGITS)))
        if freeing:
            blocker = freeing.pop(0)
            if blocker not in waits[planned.id]:
                waits[planned.id].append(blocker)
        if placement.duration_s > 0:
            freed.setdefault((placement.node, round(placement.end_s, _MOMENT_DIGITS)), []).append(planned.id)
    return waits


def _inverted(parents: Mapping[StepId, list[StepId]]) -> dict[StepId, tuple[StepId, ...]]:
    children: dict[StepId, list[StepId]] = {step: [] for step in parents}
    for step, names in parents.items():
        for parent in names:
            children[parent].append(step)
    return {step: tuple(names) for step, names in children.items()}


def _tails(
    plan: Plan, seconds: Mapping[StepId, float], children: Mapping[StepId, tuple[StepId, ...]]
) -> dict[StepId, float]:
    tails: dict[StepId, float] = {}
    for planned in reversed(plan.steps):
        tails[planned.id] = max((seconds[child] + tails[child] for child in children[planned.id]), default=0.0)
    return tails
