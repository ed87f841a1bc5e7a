"""From a plan request to a scheduling problem."""

from collections.abc import Iterable
from itertools import pairwise
from math import ceil
from typing import NamedTuple

from planners.agents import AgentSpec
from planners.cluster import ClusterNode, ClusterSnapshot, Reservation
from planners.costs import CostModel
from planners.errors import Infeasible
from planners.model import AgentName
from planners.requests import InFlight, PlanRequest
from planners.schedule.feasibility import refuse_impossible, refuse_unplaceable, step_quality
from planners.schedule.inflight import Matched, matches, remaining_s
from planners.schedule.limits import Limits
from planners.schedule.problem import Choice, Group, Problem, Use
from planners.schedule.timetable import Profile
from planners.schedule.units import Scale
from planners.workflow import FlatWorkflow, Step

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


class _Offer(NamedTuple):
    """An agent for a step, before nodes are asked."""

    agent: AgentSpec
    seconds: float


class _Site(NamedTuple):
    """An agent on a group of nodes, before steps are asked."""

    group: int
    speed: float
    cold_start_s: float
    lag: int
    demand: int
    amounts: tuple[int, ...]
    uses: tuple[Use, ...]


class _Builder:
    def __init__(self, flat: FlatWorkflow, request: PlanRequest, costs: CostModel) -> None:
        self._flat, self._request, self._costs = flat, request, costs
        self._cluster = request.cluster
        self._index = {step.id: i for i, step in enumerate(flat.steps)}
        self._usable: dict[tuple[str, float, AgentName | None], list[AgentSpec]] = {}
        self._sites: dict[AgentName, list[_Site]] = {}
        self._offers = [self._offers_of(step) for step in flat.steps]
        agents = {offer.agent.name: offer.agent for offers in self._offers for offer in offers}
        self._amounts = {name: agent.resources.amounts() for name, agent in agents.items()}
        self._scale = Scale(self._amounts.values(), [node.total.amounts() for node in self._cluster.nodes])
        self.quantum_s = self._quantum_s()
        self._limits = Limits(agents.values(), request.catalog, self._cluster.reservations, self.quanta)
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

    def _offers_of(self, step: Step) -> list[_Offer]:
        asked = (step.capability, step_quality(step, self._request.task), step.agent)
        if asked not in self._usable:
            capability, quality, pinned = asked
            agents = self._request.catalog.offering(capability, min_quality=quality, pinned=pinned)
            totals = [node.total for node in self._cluster.nodes]
            usable = [agent for agent in agents if any(agent.resources.fits(total) for total in totals)]
            if not usable:
                refuse_unplaceable(step, self._request, agents)
            self._usable[asked] = usable
        return [_Offer(agent, self._costs.duration(agent, step).mean_s) for agent in self._usable[asked]]

    def _quantum_s(self) -> float:
        slowest = min(node.speed for node in self._cluster.nodes)
        work = sum(max(o.seconds / slowest + o.agent.cold_start_s for o in offers) for offers in self._offers)
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
            key = (node.node_class, str(node.total), node.speed, warm_here, repr(own), alone)
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
        return Group(tuple(nodes), self._scale.room(node.total.amounts()), self._profile(node, reservations))

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

    def _choices(self) -> tuple[tuple[Choice, ...], ...]:
        failed = set(self._request.without_agents)
        fresh = [self._fresh([offer for offer in of if offer.agent.name not in failed]) for of in self._offers]
        if not self._request.in_flight:
            return self._none_empty(fresh)
        found = matches(self._flat.steps, [[o.agent for o in offers] for offers in self._offers], self._request)
        known = [len(choices) for choices in fresh]
        for step, of in enumerate(found):
            fresh[step] += [self._continued(step, match) for match in of]
        for step, of in enumerate(found):
            for offset, match in enumerate(of):
                at = known[step] + offset
                fresh[step][at] = fresh[step][at]._replace(requires=_requirements(match, found, fresh, known))
        return self._none_empty(fresh)

    def _none_empty(self, choices: list[list[Choice]]) -> tuple[tuple[Choice, ...], ...]:
        for step, of in zip(self._flat.steps, choices, strict=True):
            if not of:
                raise Infeasible(
                    f"every agent that could do step '{step.id}' ({step.capability}) has failed for good",
                    f"workflow.steps.{step.id}",
                    "add another agent of this capability, or mend the failing one",
                )
        return tuple(tuple(of) for of in choices)

    def _fresh(self, offers: list[_Offer]) -> list[Choice]:
        choices: list[Choice] = []
        for agent, mean_s in offers:
            for site in self._sites_of(agent):
                seconds = mean_s / site.speed + site.cold_start_s
                choices.append(
                    Choice(
                        agent,
                        site.group,
                        self.quanta(seconds),
                        agent.price.of(seconds),
                        site.lag,
                        site.demand,
                        site.amounts,
                        site.uses,
                    )
                )
        return choices

    def _sites_of(self, agent: AgentSpec) -> list[_Site]:
        if agent.name not in self._sites:
            fitting = (group for group, node in enumerate(self._first) if agent.resources.fits(node.total))
            self._sites[agent.name] = [self._site(agent, group) for group in fitting]
        return self._sites[agent.name]

    def _site(self, agent: AgentSpec, group: int) -> _Site:
        node = self._first[group]
        amounts = self._scale.demand(self._amounts[agent.name], self._groups[group].amounts)
        return _Site(
            group,
            node.speed,
            0.0 if (agent.name, node.id) in self._warm else agent.cold_start_s,
            self.quanta(_between_nodes_s(self._cluster, self._costs.output_bytes(agent))),
            self._scale.packed(amounts),
            amounts,
            self._limits.uses(agent),
        )

    def _continued(self, step: int, match: Matched) -> Choice:
        """An attempt in flight as a choice: it has paid its call and passed the rate limits already."""
        agent = match.agent
        node = next(i for i, node in enumerate(self._cluster.nodes) if node.id == match.flight.node)
        site = next(site for site in self._sites_of(agent) if site.group == self._group_of[node])
        offer = next(offer for offer in self._offers[step] if offer.agent.name == agent.name)
        left_s = self._left_s(match.flight, offer, node)
        return Choice(
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

    def _left_s(self, flight: InFlight, offer: _Offer, node: int) -> float:
        if flight.finished:
            return 0.0
        return remaining_s(offer.seconds / self._cluster.nodes[node].speed, flight.elapsed_s)


def _requirements(
    match: Matched, found: list[list[Matched]], choices: list[list[Choice]], known: list[int]
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
