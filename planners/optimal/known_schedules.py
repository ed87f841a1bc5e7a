"""Certified schedules of workflows that were scheduled a moment ago, with other values in them.

The same workflow comes again and again. As long as cluster, agents and what is learned of them are the same, so is its
schedule, whatever its inputs are; making it anew takes half of the time of a small plan.
"""

import operator
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import replace
from typing import NamedTuple

from planners.agents import AgentSpec
from planners.costs import CostModel, PriorCosts, mean_duration_s
from planners.escalation import extras_of
from planners.requests import PlanRequest
from planners.scheduling.list_scheduling.schedule import Schedule
from planners.scheduling.problem.agent_candidates import Candidates
from planners.scheduling.problem.problem import Problem
from planners.scheduling.problem.time_scale import TimeScale
from planners.workflow import FlatWorkflow

_MOST_SCHEDULES, _MOST_STEPS = 64, 50
_LONG_S = 1_000.0
_FINE = TimeScale(0.0, 1)


class Certified(NamedTuple):
    """A schedule, the problem that it solves, and a lower bound of the objective."""

    problem: Problem
    schedule: Schedule
    bound: float

    def of(self, flat: FlatWorkflow) -> "Certified":
        """The same for steps that differ in nothing that a schedule depends on."""
        return self._replace(problem=replace(self.problem, flat=flat, steps=flat.steps))


class _Surroundings:
    """What schedules depend on besides the workflow, and the schedules that are known there."""

    def __init__(self, request: PlanRequest, costs: CostModel) -> None:
        self._parts = _parts(request, costs)
        self._values = _values(request)
        self.known: OrderedDict[Hashable, Certified] = OrderedDict()

    def are_those_of(self, request: PlanRequest, costs: CostModel) -> bool:
        """Whether nothing has changed; objects are compared by identity, as they are frozen."""
        parts = _parts(request, costs)
        same = len(parts) == len(self._parts) and all(map(operator.is_, parts, self._parts))
        return same and self._values == _values(request)


class KnownSchedules:
    """The latest certified schedules of small workflows, at most 64. Thread-safe."""

    def __init__(self) -> None:
        self._surroundings: _Surroundings | None = None

    def key(self, flat: FlatWorkflow, request: PlanRequest, costs: CostModel) -> Hashable:
        """What the schedule of a workflow depends on; None if it is not to be kept."""
        task, limits = request.task, request.task.limits
        is_limited = limits.deadline_s is not None or limits.budget_usd is not None
        if is_limited or request.in_flight or flat.fan_outs or len(flat.steps) > _MOST_STEPS:
            return None
        candidates, objective = Candidates(request), task.objective
        timing = _Timing(request)
        steps: list[Hashable] = []
        for step in flat.steps:
            agents = candidates.of(step)
            means = [mean_duration_s(costs, agent, step) for agent in agents]
            extras = extras_of(step, agents, request.excluded(step.id), costs, objective)
            seconds = means if any(map(any, extras)) else map(timing.of, agents, means)
            steps.append((step.id, step.parents, candidates.key(step), *seconds, *extras))
        return objective.latency_weight, objective.usd_weight, request.without_agents, tuple(steps)

    def find(self, key: Hashable, flat: FlatWorkflow, request: PlanRequest, costs: CostModel) -> Certified | None:
        """The schedule of a workflow, if it is known."""
        there = self._surroundings
        if key is None or there is None or not there.are_those_of(request, costs):
            return None
        found = there.known.get(key)
        return None if found is None else found.of(flat)

    def keep(self, key: Hashable, certified: Certified, request: PlanRequest, costs: CostModel) -> None:
        """Keep the schedule of a workflow; the one that was kept first goes if there are too many."""
        if key is None:
            return
        there = self._surroundings
        if there is None or not there.are_those_of(request, costs):
            there = self._surroundings = _Surroundings(request, costs)
        if len(there.known) >= _MOST_SCHEDULES:
            there.known.popitem(last=False)
        there.known[key] = certified


class _Timing:
    """What of an agent's mean seconds a schedule depends on: it counts in quanta, unless seconds cost money."""

    def __init__(self, request: PlanRequest) -> None:
        self._speeds = sorted({node.speed for node in request.cluster.nodes})
        cold_s = max((agent.cold_start_s for agent in request.catalog.agents), default=0.0)
        slowest = self._speeds[0] if self._speeds else 1.0
        # Where no step takes longer, quanta are the finest.
        self._long_s = 0.0 if cold_s > _LONG_S else _LONG_S * slowest

    def of(self, agent: AgentSpec, mean_s: float) -> Hashable:
        """The quanta on nodes of every speed, warm and cold; the seconds where these count."""
        if agent.price.usd_per_s or mean_s >= self._long_s:
            return mean_s
        colds_s = (0.0, agent.cold_start_s)
        return tuple([_FINE.duration(mean_s / speed + cold_s) for speed in self._speeds for cold_s in colds_s])


def _parts(request: PlanRequest, costs: CostModel) -> tuple[object, ...]:
    """Frozen objects; ones that are equal but not the same only cost time."""
    cluster = request.cluster
    model = PriorCosts if type(costs) is PriorCosts else costs
    return request.catalog, model, *cluster.nodes, *cluster.reservations, *cluster.links


def _values(request: PlanRequest) -> tuple[Hashable, ...]:
    cluster = request.cluster
    counts = len(cluster.nodes), len(cluster.reservations), len(cluster.links)
    return *counts, cluster.bandwidth_bytes_per_s, cluster.latency_s, cluster.warm
