"""Which running attempts become late, and when; and which have a second attempt beside them.

The run is woken for the first of them only, so an attempt that ends in time costs no event.
"""

import heapq
from collections.abc import Container, Sequence
from enum import StrEnum
from typing import NamedTuple

from planners.model import AgentName, AttemptId, NodeId, StepId
from planners.plans import Plan
from reconciler.gate.prices import IDLE, Contention
from reconciler.state.expected_ends import ExpectedEnds
from reconciler.state.learned_times import LearnedTimes, Takeover
from reconciler.state.peers import Peers

# Messages to and from a host take about 10 ms on a busy node. An attempt that is late by less is not known to be.
_LEAST_LATE_S = 0.05


class Lateness(StrEnum):
    """What an attempt is too late for: to be the only one, or for the plan to hold."""

    HEDGE = "hedge"
    PLAN = "plan"


class Due(NamedTuple):
    """A moment at which an attempt is late, if it still runs."""

    at_s: float
    attempt: AttemptId
    lateness: Lateness


class LateAttempts:
    """See the module.

    Attributes:
        hedges: attempt -> the second attempt beside it, while both run.
        made: how many second attempts there were.
        overdue: attempts that run and are late.
        ends: when the attempts under way are expected to end.
        peers: how long others of the same fan-out took.
        takeovers: step -> who would follow if its check refuses the planned agent.
        contention: of nodes and providers, as of the last plan.
    """

    def __init__(self) -> None:
        self.hedges: dict[AttemptId, AttemptId] = {}
        self.made = 0
        self.overdue: dict[AttemptId, None] = {}  # no set: one of thousands takes up to five times as much memory
        self.ends = ExpectedEnds()
        self.peers = Peers()
        self._late_s: dict[StepId, float] = {}
        self._nodes: dict[AgentName, tuple[NodeId, ...]] = {}
        self.takeovers: dict[StepId, Takeover] = {}
        self.contention: Contention = IDLE
        self._due: list[Due] = []
        self._watched: dict[AttemptId, None] = {}
        self._alarm_s: float | None = None
        self._rests: tuple[Plan, dict[StepId, float]] | None = None

    def learn(self, times: LearnedTimes) -> None:
        """Take in what came with a plan."""
        self._late_s.update({step: max(_LEAST_LATE_S, late_s) for step, late_s in times.late_s.items()})
        self._nodes.update(times.nodes)
        self.takeovers.update(times.takeovers)
        self.contention = times.contention

    def late_s(self, step: StepId) -> float | None:
        """After how many seconds an attempt of the step is late; None where little is known."""
        return self._late_s.get(step)

    def nodes(self, agent: AgentName) -> tuple[NodeId, ...]:
        """The nodes that an agent is known to fit on."""
        return self._nodes.get(agent, ())

    def watch(self, attempt: AttemptId, moments: Sequence[Due]) -> None:
        """Remember when an attempt becomes late, the first time that this is known."""
        if moments and attempt not in self._watched:
            self._watched[attempt] = None
            for due in moments:
                heapq.heappush(self._due, due)

    def postpone(self, due: Due, at_s: float) -> None:
        """Look at an attempt again then."""
        heapq.heappush(self._due, due._replace(at_s=at_s))

    def take_due(self, now_s: float) -> list[Due]:
        """What is due, once each."""
        due = []
        while self._due and self._due[0].at_s <= now_s:
            due.append(heapq.heappop(self._due))
        if self._alarm_s is not None and self._alarm_s <= now_s:
            self._alarm_s = None
        return due

    def alarm(self, live: Container[AttemptId]) -> float | None:
        """When the run must be woken next; None if it will be, or need not. ``live``: the attempts that run."""
        first_s = self.first_s(live)
        if first_s is None or (self._alarm_s is not None and self._alarm_s <= first_s):
            return None
        self._alarm_s = first_s
        return self._alarm_s

    def first_s(self, live: Container[AttemptId]) -> float | None:
        """When the next of the attempts that run is late; None if none will be. Forgets those that do not run."""
        while self._due and self._due[0].attempt not in live:
            heapq.heappop(self._due)
        return self._due[0].at_s if self._due else None

    def rest_s(self, plan: Plan, step: StepId) -> float:
        """Expected seconds of the longest chain behind a step. Computed once a plan."""
        if self._rests is None or self._rests[0] is not plan:
            self._rests = plan, _rests(plan)
        return self._rests[1].get(step, 0.0)


def _rests(plan: Plan) -> dict[StepId, float]:
    rests: dict[StepId, float] = {}
    for planned in reversed(plan.steps):
        behind_s = rests.get(planned.id, 0.0) + planned.placement.duration_s
        for parent in planned.step.parents:
            rests[parent] = max(rests.get(parent, 0.0), behind_s)
    return rests
