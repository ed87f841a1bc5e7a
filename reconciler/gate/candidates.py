"""Candidates: the steps of a guess that are not under way, each with P, L and C (DESIGN: the gate).

    L = share * (P*own + min(L_certain, behind) * min over the steps behind of (expected seconds / seconds)) / P
    C = usd_per_call + risked_s * (usd_per_s + share * idle_price * value_of_time) + node_usd_per_s * delay_s

L_certain, own and behind are those of `savings`. share < 1 only for steps side by side (`_shares`): what they save and
the price of trying are the run's; dollars and others' delay each attempt's own. risked_s = min(d, E - start), with E
the moment the plan is whole, also where it streams: a prefix decides only on what it holds, so a wrong guess runs until
then (`reconciler.state.matching`), however early a right one is confirmed.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from planners.agents import AgentSpec, Catalog
from planners.model import AgentName, Model, NodeId, StepId
from planners.plans import Plan, PlannedStep
from planners.tasks import PlanningOptions
from reconciler.gate.appraisal import Appraisal
from reconciler.gate.guidance import Calibration
from reconciler.gate.policy import GatePolicy
from reconciler.gate.prices import Prices
from reconciler.gate.savings import Savings, Shape, savings

# Free work on an idle node costs this: shares are in proportion to costs, and nothing has no proportions.
_LEAST_USD = 1e-12


class Candidate(Model):
    """One step that might start before the optimal plan.

    ``waits_for`` names the parents that are not under way. ``allowed`` is false where the effect rules speculation out.
    """

    step: StepId
    agent: AgentName
    node: NodeId
    appraisal: Appraisal
    waits_for: tuple[StepId, ...] = ()
    allowed: bool = True


def price(  # noqa: PLR0913 what the formula needs to know, named at the call
    plan: Plan,
    *,
    catalog: Catalog,
    now_s: float,
    expected_plan_s: float,
    under_way: Mapping[StepId, float],
    prices: Prices,
    options: PlanningOptions,
    policy: GatePolicy,
    calibration: Calibration | None = None,
    chances: Mapping[StepId, float] | None = None,
    shape: Shape | None = None,
    steps: Collection[StepId] | None = None,
) -> list[Candidate]:
    """P, L and C of every step of the guess that is not under way, in plan order. Linear in steps and edges.

    Args:
        plan: the speculative plan; seconds of its placements count from admission.
        catalog: a step whose agent it does not know is never a candidate.
        now_s: seconds since admission.
        expected_plan_s: when the optimal plan is expected, seconds since admission.
        under_way: step -> when its attempt ends or ended, for every step dispatched already.
        prices: of contended nodes and providers: how long the call holds up confirmed work of others, ``delay_s``.
        options: the task's value of time.
        policy: the operator's prices.
        calibration: from claimed to observed survival; None takes claims at their word.
        chances: P of single steps by a better model than the calibration of their claims.
        shape: ``Shape.of(plan, catalog)``, where the caller has kept it.
        steps: those that an answer is wanted for; None: all.
    """
    shape = shape or Shape.of(plan, catalog)
    found = savings(shape, now_s=now_s, expected_plan_s=expected_plan_s, under_way=under_way)
    calibrated, better = calibration or Calibration(), chances or {}
    survival = [better.get(planned.id, calibrated.of(planned.probability)) for planned in plan.steps]
    tariff = _Tariff(plan, catalog, prices, policy, policy.idle_price * options.value_of_time_usd_per_s)
    risked_s = _risked_s(shape, found, expected_plan_s)
    claims = _Claims.of(plan, shape, found, survival, under_way, lambda index: tariff.risk(index, risked_s[index]))
    return [
        claims.candidate(index, planned, tariff.risk(index, risked_s[index], claims.share(index)))
        for index, planned in enumerate(plan.steps)
        if planned.placement.agent in catalog.by_name
        and planned.id not in under_way
        and (steps is None or planned.id in steps)
    ]


class Risk(NamedTuple):
    """What a wrong guess loses: C, the agent-seconds of it, and the dollars that would be spent."""

    cost_usd: float
    risked_s: float
    risked_usd: float

    @classmethod
    def of(cls, agent: AgentSpec, risked_s: float, beyond_usd: float) -> "Risk":
        """Of so many seconds of the agent: what its provider asks, and ``beyond_usd`` that nobody charges."""
        risked_usd = agent.price.of(risked_s)
        return cls(risked_usd + beyond_usd, risked_s, risked_usd)


def _risked_s(shape: Shape, found: Savings, expected_plan_s: float) -> list[float]:
    spans = zip(shape.seconds, found.start_s, strict=True)
    return [min(seconds, max(0.0, expected_plan_s - start_s)) for seconds, start_s in spans]


@dataclass(frozen=True, slots=True)
class _Tariff:
    """What work ahead of the plan costs, by the index of its step."""

    plan: Plan
    catalog: Catalog
    prices: Prices
    policy: GatePolicy
    idle_usd_per_s: float

    def risk(self, index: int, risked_s: float, share: float = 1.0) -> Risk:
        placement = self.plan.steps[index].placement
        agent = self.catalog.by_name[placement.agent]
        delay_s = self.prices.delay_s(agent, placement.node, risked_s)
        return Risk.of(agent, risked_s, risked_s * share * self.idle_usd_per_s + self.policy.node_usd_per_s * delay_s)


class _Claims(NamedTuple):
    """By index: who each step waits for, its P, its L not yet shared, its own seconds, its share, if it may start."""

    waits: list[tuple[StepId, ...]]
    survival: Sequence[float]
    worth: list[float]
    own_s: list[float]
    shares: dict[int, float]
    may_start: Sequence[bool]

    @classmethod
    def of(  # noqa: PLR0913, PLR0917 - what `price` has worked out
        cls,
        plan: Plan,
        shape: Shape,
        found: Savings,
        survival: Sequence[float],
        under_way: Mapping[StepId, float],
        risk: Callable[[int], Risk],
    ) -> "_Claims":
        known = frozenset(shape.steps)
        waits = [_waits_for(planned, known, under_way) for planned in plan.steps]
        worth = _worth(shape, found, survival)
        # Only steps of agents that are there may start, so only those save anything.
        ready = [i for i, step in enumerate(shape.steps) if not waits[i] and step not in under_way and worth[i] > 0]
        risked = {index: max(_LEAST_USD, risk(index).cost_usd) for index in ready}
        return cls(waits, survival, worth, found.own_s, _shares(worth, survival, risked), shape.may_start)

    def share(self, index: int) -> float:
        return self.shares.get(index, 1.0)

    def candidate(self, index: int, planned: PlannedStep, risk: Risk) -> Candidate:
        share = self.share(index)
        return Candidate(
            step=planned.id,
            agent=planned.placement.agent,
            node=planned.placement.node,
            appraisal=Appraisal(
                claimed=planned.probability,
                probability=self.survival[index],
                saved_s=self.worth[index] * share,
                own_s=self.own_s[index] * share,
                **risk._asdict(),
            ),
            waits_for=self.waits[index],
            allowed=self.may_start[index],
        )


def _shares(worth: Sequence[float], survival: Sequence[float], risked: Mapping[int, float]) -> dict[int, float]:
    """Of each step that could start now: the share of its L that is its to claim, beside the others that could.

    Branches side by side all have to come early for the run to end sooner. With x_1 >= x_2 >= ... their seconds, the
    run ends x_j - x_(j+1) sooner only if each of the first j does, which happens as often as the weakest of them
    survives (guesses of one plan stand and fall together). It is to the credit of all j, as costs go: with c_i what
    each risks,

        P_i * L_i = c_i * sum over j >= i of (x_j - x_(j+1)) * min(P_1..P_j) / (c_1 + ... + c_j)

    So the credits add up to what is saved, and branches of equal length are tried when they are worth what all of them
    cost. With alike shares (the Shapley value of this game) one dear branch would be refused beside cheap ones, and
    what they save be lost with it. Proportional sharing: Moulin, Axiomatic Cost and Surplus Sharing, 2002.
    """
    order = sorted(risked, key=lambda index: -worth[index])
    weakest, costs, rates = 1.0, 0.0, []
    for rank, index in enumerate(order):
        weakest, costs = min(weakest, survival[index]), costs + risked[index]
        below = worth[order[rank + 1]] if rank + 1 < len(order) else 0.0
        rates.append((worth[index] - below) * weakest / costs)
    shares, rate = {}, 0.0
    for index, more in zip(reversed(order), reversed(rates), strict=True):
        rate += more
        claim = survival[index] * worth[index]
        shares[index] = min(1.0, risked[index] * rate / claim) if claim > 0 else 1.0
    return shares


def _worth(shape: Shape, found: Savings, survival: Sequence[float]) -> list[float]:
    """L of each step: its own seconds, and those behind it weighted by the survival of the weakest step they need."""
    worth = [0.0] * len(survival)
    share: list[float | None] = [None] * len(survival)  # expected seconds / seconds, of what each step reaches
    for index in range(len(survival) - 1, -1, -1):
        own_s, reach_s = found.own_s[index], found.reach_s[index]
        if reach_s <= 0:
            continue
        enabled = min((s for child in shape.children[index] if (s := share[child]) is not None), default=0.0)
        chance = survival[index]
        # A child's work key holds its parents', so it survives no oftener than they do.
        behind = min(1.0, enabled / chance) if chance > 0 else 0.0
        worth[index] = own_s + (found.saved_s[index] - own_s) * behind
        share[index] = chance * (own_s + (reach_s - own_s) * behind) / reach_s
    return worth


def _waits_for(
    planned: PlannedStep, known: Collection[StepId], under_way: Mapping[StepId, float]
) -> tuple[StepId, ...]:
    return tuple(parent for parent in planned.step.parents if parent in known and parent not in under_way)
