"""Check a plan independently of the schedulers: from the request, not from the scheduling problem, in seconds.

Schedulers count whole quanta and round durations up, so durations may exceed the exact ones by up to two quanta;
everything else is checked to a microsecond.
"""

from collections.abc import Iterable
from itertools import chain

from planners.agents import AgentSpec
from planners.costs import CostModel, mean_duration_s, output_bytes
from planners.eligibility import Eligibility, Obstacle, refused_input
from planners.escalation import NOTHING, Extra, extras_of
from planners.plans import Plan, PlannedStep
from planners.requests import InFlight, PlanRequest
from planners.scheduling.problem.capacity_limits import request_window, token_window
from planners.scheduling.problem.in_flight import remaining_s
from planners.scheduling.problem.time_scale import duration_s
from planners.work_keys import InputDigests, work_keys
from planners.workflow import FlatWorkflow, Step

_EPS_S = 1e-6
_EPS = 1e-6

# (start_s, end_s, amount)
_Span = tuple[float, float, float]


def violations(plan: Plan, flat: FlatWorkflow, request: PlanRequest, costs: CostModel) -> list[str]:
    """Every rule the plan violates, one message each; empty if it is valid."""
    wrong = list(_structure(plan, flat, request))
    if wrong:
        return wrong
    check = _PlanCheck(plan, request, costs)
    parts = (
        check.agents(), check.work_keys(flat), check.durations(), check.precedence(flat),
        check.node_capacities(), check.concurrency(), check.fan_outs(flat), check.rates(), check.limits(),
    )  # fmt: skip
    return list(chain.from_iterable(parts))


def _structure(plan: Plan, flat: FlatWorkflow, request: PlanRequest) -> Iterable[str]:
    ids = [planned.id for planned in plan.steps]
    if len(set(ids)) < len(ids):
        yield "a step is planned more than once"
    if missing := [step.id for step in flat.steps if step.id not in set(ids)]:
        yield f"not planned: {', '.join(missing)}"
    if unknown := [i for i in ids if i not in flat.by_id]:
        yield f"not part of the workflow: {', '.join(unknown)}"
    for planned in plan.steps:
        if planned.id in flat.by_id and planned.step != flat.by_id[planned.id]:
            yield f"{planned.id}: differs from the step of the workflow"
        if planned.placement.agent not in request.catalog.by_name:
            yield f"{planned.id}: no agent '{planned.placement.agent}'"
        if planned.placement.node not in request.cluster.by_id:
            yield f"{planned.id}: no node '{planned.placement.node}'"


class _PlanCheck:
    def __init__(self, plan: Plan, request: PlanRequest, costs: CostModel) -> None:
        self._plan, self._request, self._costs = plan, request, costs
        self._quantum_s = self._largest_quantum_s()
        self._flights = {(f.work_key, f.agent, f.node): f for f in request.in_flight}
        self._continued = {p.id for p in plan.steps if self._continues(p)}

    def agents(self) -> Iterable[str]:
        """Capability, pinned agent, inputs and quality; no new attempts of agents that have failed permanently."""
        for planned in self._plan.steps:
            agent, step = self._agent(planned), planned.step
            failed = () if step.id in self._continued else self._request.excluded(step.id)
            rule = Eligibility.of_task(self._request.task, excluded=failed)
            words = {
                Obstacle.CAPABILITY: f"agent '{agent.name}' does not offer '{step.capability}'",
                Obstacle.PINNED: f"pinned to '{step.agent}', planned with '{agent.name}'",
                Obstacle.INPUTS: f"agent '{agent.name}' does not accept its inputs: {refused_input(agent, step)}",
                Obstacle.EXCLUDED: f"new attempt of agent '{agent.name}', which has failed permanently",
                Obstacle.MAILBOX: f"agent '{agent.name}' cannot use a mailbox",
                Obstacle.QUALITY: f"quality {agent.quality:g} is below {rule.floor(step):g}",
            }
            yield from (f"{step.id}: {words[obstacle]}" for obstacle in rule.obstacles(agent, step))

    def work_keys(self, flat: FlatWorkflow) -> Iterable[str]:
        """Each step has the right work key."""
        pairs = [(p.step, self._agent(p).identity) for p in self._plan.steps]
        keys = work_keys(pairs, InputDigests(self._request.task.values), flat.finished, flat.repeats)
        yield from (f"{p.id}: wrong work key" for p in self._plan.steps if keys[p.id] != p.work_key)

    def durations(self) -> Iterable[str]:
        """Durations and costs are those of the agent on its node, or the rest of an attempt in flight."""
        for planned in self._plan.steps:
            placement = planned.placement
            duration_s, usd = self._expected(planned)
            if not duration_s - _EPS_S <= placement.duration_s <= duration_s + 2 * self._quantum_s + _EPS_S:
                yield f"{planned.id}: takes {duration_s:.6f} s, planned with {placement.duration_s:.6f} s"
            if abs(placement.usd - usd) > _EPS * max(1.0, usd):
                yield f"{planned.id}: costs ${usd:.6f}, planned with ${placement.usd:.6f}"

    def precedence(self, flat: FlatWorkflow) -> Iterable[str]:
        """No new attempt starts before its parents have ended and their outputs have arrived."""
        for parent, child in flat.edges:
            if child in self._continued or parent not in self._plan.by_id:
                continue
            made, reads = self._plan.by_id[parent], self._plan.by_id[child]
            size = output_bytes(self._costs, self._agent(made))
            moved_s = self._request.cluster.transfer_s(size, made.placement.node, reads.placement.node)
            if reads.placement.start_s < (arrives_s := made.placement.end_s + moved_s) - _EPS_S:
                starts_s = reads.placement.start_s
                yield f"{child}: starts at {starts_s:.6f} s, the output of {parent} arrives at {arrives_s:.6f} s"

    def node_capacities(self) -> Iterable[str]:
        """The steps on a node and the reservations of others never need more than the node has."""
        for node in self._request.cluster.nodes:
            spans: dict[str, list[_Span]] = {}
            for planned in self._plan.steps:
                placement = planned.placement
                if placement.node == node.id:
                    for name, amount in self._agent(planned).resources.amounts().items():
                        spans.setdefault(name, []).append((placement.start_s, placement.end_s, amount))
            for name, steps in spans.items():
                reserved = [
                    (r.start_s, r.end_s, r.resources.amounts().get(name, 0.0))
                    for r in self._request.cluster.reservations
                    if r.node == node.id
                ]
                yield from _over(f"{name} of node {node.id}", steps, reserved, node.total.amounts().get(name, 0.0))

    def concurrency(self) -> Iterable[str]:
        """Concurrent calls of agents and of providers."""
        for agent in self._request.catalog.agents:
            if agent.concurrency is not None:
                spans = [span for span, by in self._calls() if by.name == agent.name]
                yield from _over(f"concurrency of agent {agent.name}", spans, [], agent.concurrency)
        for provider in self._request.catalog.providers:
            if provider.max_concurrent is not None:
                reserved = [
                    (r.start_s, r.end_s, float(r.calls))
                    for r in self._request.cluster.reservations
                    if r.provider == provider.name
                ]
                spans = [span for span, by in self._calls() if by.provider == provider.name]
                yield from _over(
                    f"max_concurrent of provider {provider.name}", spans, reserved, provider.max_concurrent
                )

    def fan_outs(self, flat: FlatWorkflow) -> Iterable[str]:
        """Concurrent steps of fan-outs whose elements have one step each."""
        for fan_out in flat.fan_outs:
            most = fan_out.policy.max_concurrency
            if most is not None and all(len(element) <= 1 for element in fan_out.elements):
                steps = [self._plan.by_id[step].placement for element in fan_out.elements for step in element]
                spans = [(placed.start_s, placed.end_s, 1.0) for placed in steps]
                yield from _over(f"max_concurrency of '{fan_out.id}'", spans, [], most)

    def rates(self) -> Iterable[str]:
        """Calls and tokens within every time window of a provider's rates."""
        for provider in self._request.catalog.providers:
            users = [a for a in self._candidates() if a.provider == provider.name]
            starts = [
                (p.placement.start_s, self._agent(p))
                for p in self._plan.steps
                if self._agent(p).provider == provider.name and p.id not in self._continued
            ]
            if provider.requests_per_s is not None:
                calls, window_s = request_window(provider)
                spans = [(at, at + window_s, 1.0) for at, _ in starts]
                yield from _over(f"requests_per_s of provider {provider.name}", spans, [], calls)
            if provider.tokens_per_s is not None and users:
                tokens, window_s = token_window(provider, max(agent.tokens_per_call for agent in users))
                spans = [(at, at + window_s, agent.tokens_per_call) for at, agent in starts]
                yield from _over(f"tokens_per_s of provider {provider.name}", spans, [], tokens)

    def limits(self) -> Iterable[str]:
        """Budget, deadline, objective and bound."""
        task, plan = self._request.task, self._plan
        spent, elapsed = self._request.spent_usd, self._request.elapsed_s
        budget, deadline = task.limits.budget_usd, task.limits.deadline_s
        if budget is not None and plan.usd + spent > budget * (1 + _EPS) + 1e-9:
            yield f"costs ${plan.usd + spent:.6f}, the budget is ${budget:.6f}"
        if deadline is not None and plan.makespan_s + elapsed > deadline + _EPS_S:
            yield f"ends at {plan.makespan_s + elapsed:.6f} s, the deadline is {deadline:.6f} s"
        value = task.objective.latency_weight * plan.makespan_s + task.objective.usd_weight * plan.usd
        if plan.objective is not None and abs(value - plan.objective) > _EPS * max(1.0, value):
            yield f"objective is {value:.6f}, stated as {plan.objective:.6f}"
        if plan.bound is not None and plan.bound > value * (1 + _EPS) + _EPS:
            yield f"bound {plan.bound:.6f} is above the objective {value:.6f}"

    def _agent(self, planned: PlannedStep) -> AgentSpec:
        return self._request.catalog.by_name[planned.placement.agent]

    def _candidates(self) -> list[AgentSpec]:
        """The agents that any step could use: the largest call among them determines the window of a token rate."""
        rule = Eligibility.of_task(self._request.task, nodes=self._request.cluster.nodes)
        fitting = filter(rule.fits, self._request.catalog.agents)
        return [agent for agent in fitting if any(rule.allows(agent, planned.step) for planned in self._plan.steps)]

    def _calls(self) -> list[tuple[_Span, AgentSpec]]:
        return [((p.placement.start_s, p.placement.end_s, 1.0), self._agent(p)) for p in self._plan.steps]

    def _flight(self, planned: PlannedStep) -> InFlight | None:
        return self._flights.get((planned.work_key, planned.placement.agent, planned.placement.node))

    def _continues(self, planned: PlannedStep) -> bool:
        """Whether the step continues an attempt in flight: the same work, with the rest of its duration and cost."""
        flight = self._flight(planned)
        if flight is None or planned.placement.start_s > 0:
            return False
        left_s = self._left_s(planned, flight)
        unpaid_usd = self._agent(planned).price.usd_per_s * left_s
        within = planned.placement.duration_s <= left_s + 2 * self._quantum_s + _EPS_S
        return within and abs(planned.placement.usd - unpaid_usd) <= _EPS * max(1.0, unpaid_usd)

    def _left_s(self, planned: PlannedStep, flight: InFlight) -> float:
        node = self._request.cluster.by_id[planned.placement.node]
        mean_s = mean_duration_s(self._costs, self._agent(planned), planned.step)
        return 0.0 if flight.finished else remaining_s(duration_s(mean_s, node.speed), flight.elapsed_s)

    def _expected(self, planned: PlannedStep) -> tuple[float, float]:
        agent, flight = self._agent(planned), self._flight(planned)
        if planned.id in self._continued and flight is not None:
            left_s = self._left_s(planned, flight)
            return left_s, agent.price.usd_per_s * left_s
        cluster, node = self._request.cluster, planned.placement.node
        cold_start_s = 0.0 if (agent.name, node) in cluster.warm else agent.cold_start_s
        seconds = duration_s(mean_duration_s(self._costs, agent, planned.step), cluster.by_id[node].speed, cold_start_s)
        extra = self._extra(planned.step, agent)
        return seconds + extra.seconds, agent.price.of(seconds) + extra.usd

    def _extra(self, step: Step, agent: AgentSpec) -> Extra:
        """What follows if the step refuses the agent's output."""
        rule = Eligibility.of_task(self._request.task, nodes=self._request.cluster.nodes)
        agents, excluded = rule.agents(step, self._request.catalog), self._request.excluded(step.id)
        found = extras_of(step, agents, excluded, self._costs, self._request.task.objective)
        return next((extra for one, extra in zip(agents, found, strict=True) if one.name == agent.name), NOTHING)

    def _largest_quantum_s(self) -> float:
        """An upper bound on the quantum: a millisecond, or two billionths of all work in a row."""
        slowest = min((node.speed for node in self._request.cluster.nodes), default=1.0)
        work_s = sum(
            duration_s(mean_duration_s(self._costs, agent, planned.step), slowest, agent.cold_start_s)
            for planned in self._plan.steps
            for agent in self._request.catalog.offering(planned.step.capability)
        )
        return max(0.001, 2e-9 * work_s)


def _over(what: str, steps: list[_Span], reserved: list[_Span], capacity: float) -> Iterable[str]:
    """The first time at which the steps need more than the reservations leave; never less than nothing is left."""
    for at in sorted({start for start, _, _ in steps} | {start for start, _, _ in reserved}):
        used = sum(amount for start, end, amount in steps if start <= at + _EPS_S < end - _EPS_S)
        others = sum(amount for start, end, amount in reserved if start <= at + _EPS_S < end - _EPS_S)
        if used > max(0.0, capacity - others) * (1 + 1e-9) + _EPS:
            yield f"{what}: {used:g} needed at {at:.6f} s, {max(0.0, capacity - others):g} available"
            return
