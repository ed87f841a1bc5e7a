"""Seconds saved on the critical path by starting a step before the optimal plan holds it.

With c the moment a step is expected to be confirmed (it starts at once then), E >= c that of the complete plan, d the
step's seconds, tail the longest path after it, and T the end of the run if all of the guess that may start early does
(not before E: it must be confirmed):

    late   = c + d + tail - T                  the run ends so much later if the step starts only when it is confirmed
    L      = max(0, late)
    behind = max(0, late of all that need it)  it starts early, what needs it only when that is confirmed
    own    = max(0, L - behind)

The run ends with the longest of its paths, each from the moment its first step may start; one step that starts later
lengthens only the paths that begin with it, so L is the difference of two critical paths. It is never more than the
wait c - max(now, end of the parents), with slack subtracted. Along a path the own parts add up to what the path saves.
Critical path method: Kelley and Walker, 1959.

The gate expects every step together with the complete plan, c = E, although a plan that streams confirms its first
steps sooner. With their own expected moments L would be what a median stream leaves, which for quick agents is nothing:
goals seen before would then wait for their plan (benchmark ``headstart``: 7 ms to the first dispatch became 1.4 s).
`reconciler.state.realised_savings` uses the actual moments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planners.agents import Catalog
from planners.eligibility import Eligibility
from planners.model import StepId
from planners.plans import Plan

# Start and end of two steps of a schedule that differ by less are the same moment.
_MOMENT_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Shape:
    """The parts of a guess that do not change while it is acted on, by the index of its steps in plan order.

    ``parents`` and ``children`` say who waits for whom, for data, order, or room on a node. ``may_start``: whether a
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
        rule = Eligibility(speculative=True)
        may_start = tuple(
            agent is not None and rule.allows(agent, planned.step)
            for planned, agent in zip(plan.steps, agents, strict=True)
        )
        return cls._of(plan, seconds, may_start, _waits(plan))

    @classmethod
    def actual(cls, plan: Plan, seconds: Sequence[float]) -> "Shape":
        """Of a plan whose steps took so long, in plan order, without waiting for room on nodes."""
        at = {planned.id: index for index, planned in enumerate(plan.steps)}
        parents = [[at[parent] for parent in planned.step.parents if parent in at] for planned in plan.steps]
        return cls._of(plan, tuple(seconds), (True,) * len(parents), parents)

    @classmethod
    def _of(
        cls, plan: Plan, seconds: tuple[float, ...], may_start: tuple[bool, ...], parents: list[list[int]]
    ) -> "Shape":
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
            may_start,
            tuple(map(tuple, parents)),
            tuple(map(tuple, children)),
            tuple(tails_s),
        )


@dataclass(frozen=True, slots=True)
class Savings:
    """By index: seconds from admission at which each step starts and ends at the earliest, and what that saves.

    ``reach_s`` is what a step saves together with all that need it: the greater of L and ``behind``; nothing for one
    that is under way, since nothing that needs it waits for more.
    """

    start_s: list[float]
    end_s: list[float]
    saved_s: list[float]
    own_s: list[float]
    reach_s: list[float]


def savings(
    shape: Shape,
    *,
    now_s: float,
    expected_plan_s: float,
    under_way: Mapping[StepId, float],
) -> Savings:
    """What starting each step early saves; nothing for those under way. Linear in steps and edges.

    Args:
        shape: of the guess.
        now_s: now.
        expected_plan_s: when the complete optimal plan is expected.
        under_way: step -> when its dispatched attempt ends or ended.
    """
    start_s, end_s = _earliest(shape, now_s, expected_plan_s, under_way)
    late_s, behind_s = lateness(shape, end_s, [expected_plan_s] * len(shape.steps), expected_plan_s)
    saved_s, own_s, reach_s = ([0.0] * len(late_s) for _ in range(3))
    for index, step in enumerate(shape.steps):
        if step in under_way:
            continue
        saved_s[index] = max(0.0, late_s[index]) if shape.may_start[index] else 0.0
        own_s[index] = max(0.0, saved_s[index] - behind_s[index])
        reach_s[index] = max(saved_s[index], behind_s[index])
    return Savings(start_s, end_s, saved_s, own_s, reach_s)


def lateness(
    shape: Shape, end_s: Sequence[float], confirmed_s: Sequence[float], plan_s: float
) -> tuple[list[float], list[float]]:
    """``late`` (below 0 where there is slack) and ``behind`` of each step.

    Args:
        shape: of the plan.
        end_s: when each step ends, having started as early as it does.
        confirmed_s: when each step is confirmed.
        plan_s: when the plan is complete: no run ends before.
    """
    # Not end + tail: the tail of a finished step has been running for a while.
    run_end_s = max([plan_s, *end_s])
    spans = zip(confirmed_s, shape.seconds, shape.tails_s, strict=True)
    late_s = [confirmed + seconds + tail - run_end_s for confirmed, seconds, tail in spans]
    behind_s = [0.0] * len(late_s)
    for index in range(len(late_s) - 1, -1, -1):
        for child in shape.children[index]:
            behind_s[index] = max(behind_s[index], late_s[child], behind_s[child])
    return late_s, behind_s


def _earliest(
    shape: Shape, now_s: float, expected_plan_s: float, under_way: Mapping[StepId, float]
) -> tuple[list[float], list[float]]:
    starts, ends = [], []
    for index, step in enumerate(shape.steps):
        start_s = now_s if shape.may_start[index] else max(now_s, expected_plan_s)
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
