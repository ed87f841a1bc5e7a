"""From a plan request to a scheduling problem."""

from collections.abc import Iterable
from itertools import pairwise
from math import ceil
from typing import NamedTuple

import numpy as np

from planners.agents import AgentSpec
from planners.cluster import ClusterNode, ClusterSnapshot, Reservation
from planners.costs import CostModel
from planners.errors import Infeasible
from planners.model import AgentName
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.problem.agent_candidates import Candidates
from planners.scheduling.problem.capacity_limits import CapacityLimits
from planners.scheduling.problem.feasibility import refuse_impossible, refuse_unplaceable
from planners.scheduling.problem.in_flight import Matched, matches, remaining_s
from planners.scheduling.problem.modes import ExecutionMode, Use
from planners.scheduling.problem.problem import Group, Problem
from planners.scheduling.problem.resource_profile import Profile
from planners.scheduling.problem.units import Scale, Shape, Shapes, shape_of
from planners.workflow import FlatWorkflow

_FINEST_S = 0.001
_LONGEST = 1e9
# Seconds that are whole milliseconds but for the last bits of a float do not round up to the next one.
_SLACK = 1e-6


def problem_of(flat: FlatWorkflow, request: PlanRequest, costs: CostModel) -> Problem:
    """The problem of placing ``flat`` on the cluster as it is now.

    Raises:
        Infeasible: no agent, no node, too little budget or too little time; the message says by how much.
    """
    problem = _Builder(flat, request, costs).build()
    refuse_impossible(problem, request)
    return problem


class _Site(NamedTuple):
    """An agent on a group of nodes, before steps are asked."""

    agent: AgentSpec
    group: int
    speed: float
    cold_start_s: float
    lag: int
    demand: int
    amounts: tuple[int, ...]
    uses: tuple[Use, ...]


class _Kind:
    """Steps that the same agents may do: asked once what they need and where they fit."""

    def __init__(self, agents: list[AgentSpec]) -> None:
        self.agents = agents
        self.steps: list[int] = []
        # Per step, the mean seconds of each agent on a node of speed 1.
        self.means: list[list[float]] = []

    def longest_s(self, slowest: float) -> float:
        """All steps in a row, each by its slowest agent on the slowest node."""
        cold = np.array([agent.cold_start_s for agent in self.agents])
        return float((np.array(self.means) / slowest + cold).max(axis=1).sum())


class _Builder:
    def __init__(self, flat: FlatWorkflow, request: PlanRequest, costs: CostModel) -> None:
        self._flat, self._request, self._costs = flat, request, costs
        self._cluster = request.cluster
        self._failed = frozenset(request.without_agents)
        self._demands: dict[Shape, list[tuple[int, ClusterNode, tuple[int, tuple[int, ...]]]]] = {}
        self._index = {step.id: i for i, step in enumerate(flat.steps)}
        self._sites: dict[AgentName, list[_Site]] = {}
        self._resources = Shapes([node.total for node in self._cluster.nodes])
        self._kinds = self._kinds_of_steps()
        agents = {agent.name: agent for kind in self._kinds for agent in kind.agents}
        shapes = [self._resources.amounts(agent.resources) for agent in agents.values()]
        totals = [self._resources.amounts(node.total) for node in self._cluster.nodes]
        self._scale = Scale(shapes, totals)
        self.quantum_s = self._quantum_s()
        self._limits = CapacityLimits(agents.values(), request.catalog, self._cluster.reservations, self.quanta)
        self._group_nodes(agents)

    def quanta(self, seconds: float) -> int:
        """Seconds in quanta, rounded up."""
        return ceil(seconds / self.quantum_s - _SLACK)

    def build(self) -> Problem:
        steps = self._flat.steps
        parents = [tuple(self._index[p] for p in step.parents if p in self._index) for step in steps]
        children: list[list[int]] = [[] for _ in steps]
        for child, of in enumerate(parents):
            for parent in of:
                children[parent].append(child)
        choices = self._choices()
        limits, task = self._request.task.limits, self._request.task
        left_s = None if limits.deadline_s is None else limits.deadline_s - self._request.elapsed_s
        return Problem(
            flat=self._flat,
            steps=steps,
            kinds=tuple(tuple(kind.steps) for kind in self._kinds),
            parents=tuple(parents),
            children=tuple(tuple(of) for of in children),
            choices=choices,
            nodes=tuple(node.id for node in self._cluster.nodes),
            groups=self._groups,
            group_of=self._group_of,
            limits=self._limits.all,
            guard=self._scale.guard,
            objective=task.objective,
            deadline=None if left_s is None else int(left_s / self.quantum_s + _SLACK),
            budget_usd=None if limits.budget_usd is None else limits.budget_usd - self._request.spent_usd,
            quantum_s=self.quantum_s,
            min_usd=tuple(min(choice.usd for choice in of) for of in choices),
        )

    def _kinds_of_steps(self) -> list[_Kind]:
        kinds: dict[tuple[object, ...], _Kind] = {}
        self._kind_of: list[tuple[_Kind, int]] = []
        candidates = Candidates(self._request)
        for i, step in enumerate(self._flat.steps):
            asked = candidates.key(step)
            if asked not in kinds:
                agents = candidates.of(step)
                usable = [agent for agent in agents if self._resources.fitting(agent.resources)]
                if not usable:
                    refuse_unplaceable(step, self._request, agents)
                kinds[asked] = _Kind(usable)
            kind = kinds[asked]
            self._kind_of.append((kind, len(kind.steps)))
            kind.steps.append(i)
            kind.means.append([self._costs.duration(agent, step).mean_s for agent in kind.agents])
        return list(kinds.values())

    def _quantum_s(self) -> float:
        slowest = min((node.speed for node in self._cluster.nodes), default=1.0)
        work = sum(kind.longest_s(slowest) for kind in self._kinds)
        return _FINEST_S * max(1, ceil(work / _FINEST_S / _LONGEST))

    def _group_nodes(self, agents: dict[AgentName, AgentSpec]) -> None:
        by_signature: dict[tuple[object, ...], list[int]] = {}
        busy = {flight.node for flight in self._request.in_flight}
        warm = {(agent, node) for agent, node in self._cluster.warm if agent in agents}
        held = _by_node(self._cluster.reservations)
        for i, node in enumerate(self._cluster.nodes):
            warm_here = frozenset(agent for agent, at in warm if at == node.id) if warm else frozenset[str]()
            alone = node.id if node.id in busy else None
            own = tuple((r.start_s, r.end_s, r.resources) for r in held.get(node.id, ()))
            shape = shape_of(node.total)
            key = (node.node_class, shape, node.speed, warm_here, repr(own) if own else "", alone)
            by_signature.setdefault(key, []).append(i)
        self._groups = tuple(
            self._group(nodes, held.get(self._cluster.nodes[nodes[0]].id, [])) for nodes in by_signature.values()
        )
        of = {node: group for group, members in enumerate(self._groups) for node in members.nodes}
        self._group_of = tuple(of[i] for i in range(len(self._cluster.nodes)))
        self._warm = warm
        self._first = [self._cluster.nodes[group.nodes[0]] for group in self._groups]

    def _group(self, nodes: list[int], reservations: list[Reservation]) -> Group:
        node = self._cluster.nodes[nodes[0]]
        return Group(
            tuple(nodes), self._scale.room(self._resources.amounts(node.total)), self._profile(node, reservations)
        )

    def _profile(self, node: ClusterNode, reservations: list[Reservation]) -> Profile:
        """What is free over time. Reservations are summed before rounding, so several small ones cost no unit each."""
        total = node.total.amounts()
        profile = Profile(self._scale.packed(self._scale.room(total)), self._scale.guard)
        spans = [(int(r.start_s / self.quantum_s), self.quanta(r.end_s), r.resources.amounts()) for r in reservations]
        cuts = sorted({at for start, end, _ in spans for at in (start, end)})
        for at, until in pairwise(cuts):
            held = [amounts for start, end, amounts in spans if start <= at and end >= until]
            left = {name: there - sum(one.get(name, 0.0) for one in held) for name, there in total.items()}
            profile.take(at, until, profile.free[-1] - self._scale.packed(self._scale.room(left)))
        return profile

    def _choices(self) -> tuple[tuple[ExecutionMode, ...], ...]:
        fresh: list[list[ExecutionMode]] = [[] for _ in self._flat.steps]
        for kind in self._kinds:
            for step, choices in zip(kind.steps, self._fresh(kind), strict=True):
                fresh[step] = choices
        if not self._request.in_flight:
            return self._none_empty(fresh)
        found = matches(self._flat.steps, [kind.agents for kind, _ in self._kind_of], self._request)
        known = [len(choices) for choices in fresh]
        for step, of in enumerate(found):
            fresh[step] += [self._continued(step, match) for match in of]
        for step, of in enumerate(found):
            for offset, match in enumerate(of):
                at = known[step] + offset
                fresh[step][at] = fresh[step][at]._replace(requires=_requirements(match, found, fresh, known))
        return self._none_empty(fresh)

    def _none_empty(self, choices: list[list[ExecutionMode]]) -> tuple[tuple[ExecutionMode, ...], ...]:
        for step, of in zip(self._flat.steps, choices, strict=True):
            if not of:
                raise Infeasible(
                    f"every agent that could do step '{step.id}' ({step.capability}) has failed for good",
                    f"workflow.steps.{step.id}",
                    "add another agent of this capability, or mend the failing one",
                )
        return tuple(tuple(of) for of in choices)

    def _fresh(self, kind: _Kind) -> list[list[ExecutionMode]]:
        """Per step of a kind, every agent that has not failed on every group of nodes."""
        agents = [(i, agent) for i, agent in enumerate(kind.agents) if agent.name not in self._failed]
        sites = [(i, site) for i, agent in agents for site in self._sites_of(agent)]
        if not sites:
            return [[] for _ in kind.steps]
        speed, cold, call, per_s = np.array(
            [(s.speed, s.cold_start_s, s.agent.price.usd_per_call, s.agent.price.usd_per_s) for _, s in sites]
        ).T
        seconds = np.array(kind.means)[:, [i for i, _ in sites]] / speed + cold
        durations = np.ceil(seconds / self.quantum_s - _SLACK).astype(np.int64).tolist()
        dollars = (call + per_s * seconds).tolist()
        return [
            [
                ExecutionMode(site.agent, site.group, quanta, usd, site.lag, site.demand, site.amounts, site.uses)
                for (_, site), quanta, usd in zip(sites, *row, strict=True)
            ]
            for row in zip(durations, dollars, strict=True)
        ]

    def _sites_of(self, agent: AgentSpec) -> list[_Site]:
        if agent.name not in self._sites:
            lag = self.quanta(_between_nodes_s(self._cluster, self._costs.output_bytes(agent)))
            uses, cold_s, name = self._limits.uses(agent), agent.cold_start_s, agent.name
            self._sites[name] = [
                _Site(agent, group, node.speed, 0.0 if (name, node.id) in self._warm else cold_s, lag, *demand, uses)
                for group, node, demand in self._demands_of(agent.resources)
            ]
        return self._sites[agent.name]

    def _demands_of(self, resources: Resources) -> list[tuple[int, ClusterNode, tuple[int, tuple[int, ...]]]]:
        """(group, its first node, the demand there) wherever these resources fit."""
        shape = shape_of(resources)
        if shape not in self._demands:
            amounts, rooms = self._resources.amounts(resources), self._resources.fitting(resources)
            self._demands[shape] = []
            for group, node in enumerate(self._first):
                if shape_of(node.total) in rooms:
                    demand = self._scale.demand(amounts, self._groups[group].amounts)
                    self._demands[shape].append((group, node, (self._scale.packed(demand), demand)))
        return self._demands[shape]

    def _continued(self, step: int, match: Matched) -> ExecutionMode:
        """An attempt in flight as a choice: it has paid its call and passed the rate limits already."""
        agent = match.agent
        node = next(i for i, node in enumerate(self._cluster.nodes) if node.id == match.flight.node)
        if match.flight.finished:
            # It holds nothing any more, so it stands also where its agent would not fit today.
            lag = self.quanta(_between_nodes_s(self._cluster, self._costs.output_bytes(agent)))
            nothing = (0,) * len(self._scale.names)
            return ExecutionMode(agent, self._group_of[node], 0, 0.0, lag, 0, nothing, in_flight=True)
        site = next(site for site in self._sites_of(agent) if site.group == self._group_of[node])
        kind, row = self._kind_of[step]
        mean_s = kind.means[row][[one.name for one in kind.agents].index(agent.name)]
        left_s = remaining_s(mean_s / site.speed, match.flight.elapsed_s)
        return ExecutionMode(
            agent,
            site.group,
            self.quanta(left_s),
            agent.price.usd_per_s * left_s,
            site.lag,
            site.demand,
            site.amounts,
            tuple(use for use in site.uses if use.hold is None),
            in_flight=True,
        )


def _requirements(
    match: Matched, found: list[list[Matched]], choices: list[list[ExecutionMode]], known: list[int]
) -> tuple[tuple[int, frozenset[int]], ...]:
    """Data parents must be the very attempts this one read; earlier identical steps must have the same agent."""
    parents = (
        (parent, frozenset(known[parent] + i for i, other in enumerate(found[parent]) if other.key == key))
        for parent, key in match.parents
    )
    twins = (
        (twin, frozenset(i for i, choice in enumerate(choices[twin]) if choice.agent.name == match.agent.name))
        for twin in match.twins
    )
    return (*parents, *twins)


def _between_nodes_s(cluster: ClusterSnapshot, size_bytes: float) -> float:
    return cluster.latency_s + size_bytes / cluster.bandwidth_bytes_per_s


def _by_node(reservations: Iterable[Reservation]) -> dict[str, list[Reservation]]:
    grouped: dict[str, list[Reservation]] = {}
    for reservation in reservations:
        if reservation.node is not None and reservation.end_s > max(0.0, reservation.start_s):
            grouped.setdefault(reservation.node, []).append(reservation)
    return grouped
