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

from planners.agents import Catalog
from planners.model import StepId
from planners.plans import Plan

# Start and end of two steps of a schedule that differ by less are the same moment.
_MOMENT_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a guess does not change while it is acted on, by the index of its steps in plan order.

    ``parents`` and ``children`` hold who waits for whom, for data, order, or room on a node. ``may_start``: whether a
    step may start before the optimal plan; one that may not waits for it. ``tails_s``: the longest path after a step.
    """

    steps: tuple[StepId, ...]
    seconds: tuple[float, ...]
    may_start: tuple[bool, ...]
    parents: tuple[tuple[int, ...], ...]
    children: tuple[tuple[int, ...], ...]
    tails_s: tuple[float, ...]

    @classmethod
    def of(cls, plan: Plan, catalog: Catalog) -> "Shape":
        """Linear in steps and edges; worth keeping for as long as the guess is."""
        agents = [catalog.by_name.get(planned.placement.agent) for planned in plan.steps]
        seconds = tuple(
            planned.placement.duration_s or (agent.expected_s if agent else 0.0)
            for planned, agent in zip(plan.steps, agents, strict=True)
        )
        parents = _waits(plan)
        children: list[list[int]] = [[] for _ in parents]
        for index, waits in enumerate(parents):
            for parent in waits:
                children[parent].append(index)
        tails_s = [0.0] * len(parents)
        for index in range(len(parents) - 1, -1, -1):
            tails_s[index] = max((seconds[child] + tails_s[child] for child in children[index]), default=0.0)
        return cls(
            tuple(planned.id for planned in plan.steps),
            seconds,
            tuple(agent is not None and agent.may_speculate for agent in agents),
            tuple(map(tuple, parents)),
            tuple(map(tuple, children)),
            tuple(tails_s),
        )


@dataclass(frozen=True, slots=True)
class Savings:
    """By index: seconds from admission at which each step starts and ends at the earliest, and what that saves."""

    start_s: list[float]
    end_s: list[float]
    saved_s: list[float]
    own_s: list[float]


def savings(shape: Shape, *, now_s: float, expected_plan_s: float, under_way: Mapping[StepId, float]) -> Savings:
    """What starting each step early saves; nothing for those under way. Linear in steps and edges.

    Args:
        shape: of the guess.
        now_s: now.
        expected_plan_s: when the optimal plan is expected.
        under_way: step -> when its dispatched attempt ends or ended.
    """
    start_s, end_s = _earliest(shape, now_s, expected_plan_s, under_way)
    run_end_s = max((end + tail for end, tail in zip(end_s, shape.tails_s, strict=True)), default=now_s)
    run_end_s = max(run_end_s, expected_plan_s)
    saved_s, own_s = [0.0] * len(start_s), [0.0] * len(start_s)
    for index, step in enumerate(shape.steps):
        if not shape.may_start[index] or step in under_way:
            continue
        tail_s = shape.tails_s[index]
        saved_s[index] = max(0.0, max(expected_plan_s, start_s[index]) + shape.seconds[index] + tail_s - run_end_s)
        enabled_s = max(0.0, max(expected_plan_s, end_s[index]) + tail_s - run_end_s)
        own_s[index] = saved_s[index] - min(saved_s[index], enabled_s)
    return Savings(start_s, end_s, saved_s, own_s)


def _earliest(
    shape: Shape, now_s: float, expected_plan_s: float, under_way: Mapping[StepId, float]
) -> tuple[list[float], list[float]]:
    confirmed_s = max(now_s, expected_plan_s)
    starts, ends = [], []
    for index, step in enumerate(shape.steps):
        start_s = now_s if shape.may_start[index] else confirmed_s
        if step in under_way:
            starts.append(now_s)
            ends.append(under_way[step])
            continue
        for parent in shape.parents[index]:
            start_s = max(start_s, ends[parent])
        starts.append(start_s)
        ends.append(start_s + shape.seconds[index])
    return starts, ends


def _waits(plan: Plan) -> list[list[int]]:
    """Parents of each step in the guess, and the step whose end makes its room on the node free.

    In a schedule without idle waiting a step starts when a parent ends or when its room gets free, so without the
    second kind a step that merely queues would seem to have slack.
    """
    freed: dict[tuple[str, float], list[int]] = {}
    at: dict[StepId, int] = {}
    waits: list[list[int]] = []
    for index, planned in enumerate(plan.steps):
        placement = planned.placement
        found = [at[parent] for parent in planned.step.parents if parent in at]
        freeing = freed.get((placement.node, round(placement.start_s, _MOMENT_DIGITS)))
        if freeing:
            blocker = freeing.pop()
            if blocker not in found:
                found.append(blocker)
        if placement.duration_s > 0:
            freed.setdefault((placement.node, round(placement.end_s, _MOMENT_DIGITS)), []).append(index)
        at[planned.id] = index
        waits.append(found)
    return waits
