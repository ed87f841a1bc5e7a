"""Candidates: the steps of a guess that are not under way, each with P, L and C (DESIGN: the gate)."""

from collections.abc import Mapping

from pydantic import Field

from planners.agents import AgentSpec, Catalog
from planners.model import AgentName, Model, NodeId, StepId
from planners.plans import Plan, PlannedStep
from planners.tasks import PlanningOptions
from reconciler.gate.guidance import Calibration
from reconciler.gate.policy import GatePolicy
from reconciler.gate.prices import NodePrice
from reconciler.gate.savings import Paths, Timing, savings


class Candidate(Model):
    """One step that might start before the optimal plan.

    ``probability`` is P, calibrated, ``claimed`` the plan's own word. ``saved_s`` is L: seconds by which the run ends
    earlier if this work survives, what it enables counted by how likely that survives too; ``own_s`` is the part that
    is its own, so that sums over a path do not count twice. ``cost_usd`` is C: what is lost if the guess is wrong,
    dollars and node-seconds; ``risked_s`` the agent-seconds of it, ``risked_usd`` the dollars that would be spent.
    ``waits_for``: parents not under way. ``allowed`` is false for effects that may not be speculative.
    """

    step: StepId
    agent: AgentName
    node: NodeId
    probability: float = Field(ge=0, le=1)
    claimed: float | None = Field(default=None, ge=0, le=1)
    saved_s: float = Field(ge=0)
    own_s: float = Field(default=0.0, ge=0)
    cost_usd: float = Field(ge=0)
    risked_s: float = Field(default=0.0, ge=0)
    risked_usd: float = Field(default=0.0, ge=0)
    waits_for: tuple[StepId, ...] = ()
    allowed: bool = True


def price(  # noqa: PLR0913 what the formula needs to know, named at the call
    plan: Plan,
    *,
    catalog: Catalog,
    now_s: float,
    expected_plan_s: float,
    under_way: Mapping[StepId, float],
    prices: Mapping[NodeId, NodePrice],
    options: PlanningOptions,
    policy: GatePolicy,
    calibration: Calibration | None = None,
    chances: Mapping[StepId, float] | None = None,
) -> list[Candidate]:
    """P, L and C of every step of the guess that is not under way, in plan order. Linear in steps and edges.

        L = (P*own + enabled * min over the enabled steps of (expected seconds / seconds)) / P
        C = usd_per_call + risked_s * (usd_per_s + idle_price * value_of_time + node_usd_per_s * delay per second)

    risked_s is what the attempt runs until the optimal plan can flush it: min(d, E - start).

    Args:
        plan: the speculative plan; seconds of its placements count from admission.
        catalog: a step whose agent it does not know is never a candidate.
        now_s: seconds since admission.
        expected_plan_s: when the optimal plan is expected, seconds since admission.
        under_way: step -> when its attempt ends or ended, for every step dispatched already.
        prices: of contended nodes; a node that is not named is idle.
        options: the task's value of time.
        policy: the operator's prices.
        calibration: from claimed to observed survival; None takes claims at their word.
        chances: P of single steps by a better model than the calibration of their claims.
    """
    known = [planned for planned in plan.steps if planned.placement.agent in catalog.by_name]
    agents = {planned.id: catalog.by_name[planned.placement.agent] for planned in known}
    calibrated = calibration or Calibration()
    paths = savings(
        plan,
        {planned.id: _seconds(planned, agents.get(planned.id)) for planned in plan.steps},
        now_s=now_s,
        expected_plan_s=expected_plan_s,
        under_way=under_way,
        may_start={planned.id: planned.id in agents and agents[planned.id].may_speculate for planned in plan.steps},
    )
    better = chances or {}
    survival = {planned.id: better.get(planned.id, calibrated.of(planned.probability)) for planned in plan.steps}
    worth = _worth(plan, paths, survival)
    return [
        _candidate(
            planned,
            agents[planned.id],
            paths.timing[planned.id],
            chance=survival[planned.id],
            saved_s=worth[planned.id],
            per_s=_price_per_s(agents[planned.id], prices.get(planned.placement.node), options, policy),
            expected_plan_s=expected_plan_s,
            waits_for=_waits_for(planned, paths),
        )
        for planned in known
        if planned.id in paths.timing
    ]


def _seconds(planned: PlannedStep, agent: AgentSpec | None) -> float:
    return planned.placement.duration_s or (agent.expected_s if agent else 0.0)


def _worth(plan: Plan, paths: Paths, chances: Mapping[StepId, float]) -> dict[StepId, float]:
    """L of each step: its own seconds, and those behind it weighted by the survival of the weakest step they need."""
    worth: dict[StepId, float] = {}
    share: dict[StepId, float] = {}  # expected seconds / seconds, of each step that saves any
    for planned in reversed(plan.steps):
        timing = paths.timing.get(planned.id)
        if timing is None or timing.saved_s <= 0:
            worth[planned.id] = 0.0
            continue
        enabled = min((share[child] for child in paths.children[planned.id] if child in share), default=0.0)
        chance = chances[planned.id]
        # A child's work key holds its parents', so it survives no oftener than they do.
        behind = min(1.0, enabled / chance) if chance > 0 else 0.0
        worth[planned.id] = timing.own_s + timing.enabled_s * behind
        share[planned.id] = chance * worth[planned.id] / timing.saved_s
    return worth


def _price_per_s(agent: AgentSpec, node: NodePrice | None, options: PlanningOptions, policy: GatePolicy) -> float:
    """Dollars of a second of the agent, beyond what its provider charges."""
    delay = node.delay_per_s(agent.resources) if node else 0.0
    return policy.idle_price * options.value_of_time_usd_per_s + policy.node_usd_per_s * delay


def _waits_for(planned: PlannedStep, paths: Paths) -> tuple[StepId, ...]:
    return tuple(parent for parent in planned.step.parents if parent in paths.timing)


def _candidate(  # noqa: PLR0913 the terms of one formula
    planned: PlannedStep,
    agent: AgentSpec,
    timing: Timing,
    *,
    chance: float,
    saved_s: float,
    per_s: float,
    expected_plan_s: float,
    waits_for: tuple[StepId, ...],
) -> Candidate:
    risked_s = min(timing.end_s - timing.start_s, max(0.0, expected_plan_s - timing.start_s))
    risked_usd = agent.price.of(risked_s)
    return Candidate(
        step=planned.id,
        agent=agent.name,
        node=planned.placement.node,
        probability=chance,
        claimed=planned.probability,
        saved_s=saved_s,
        own_s=timing.own_s,
        cost_usd=risked_usd + risked_s * per_s,
        risked_s=risked_s,
        risked_usd=risked_usd,
        waits_for=waits_for,
        allowed=agent.may_speculate,
    )
