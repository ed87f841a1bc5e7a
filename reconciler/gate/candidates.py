"""Candidates: the steps of a guess that have not started, each with its appraisal (P, L and C of the design).

    L = share * (P*own + min(L_certain, behind) * min over the steps behind of (expected seconds / seconds)) / P
    C = usd_per_call + used_s * (usd_per_s + share * idle_price * value_of_time) + node_usd_per_s * delay_s

A later guess of higher authority, where one is expected, leaves less of L and of risked_s (`later_guess`).

`savings` defines L_certain, own and behind. share is below 1 only for parallel steps (`_shares`): the run gains what
they save together and pays for trying once; dollars and delays of other work count for each attempt.

risked_s = min(d, E - start) is what a wrong guess uses at most: by E, when the plan is complete, it is flushed. Where a
plan streams and guesses are made again (`reconciler.runtime.guess_revision`), it is flushed at X <= E, by the first
prefix that contradicts it. When that comes depends on where the guess goes wrong and on how the planner streams, so
it is measured: with u_i the agent-seconds that past wrong guesses of the kind of task used, and r_i those they risked,

    used_s = E[min(d, X - start)] = risked_s * sum of u_i / sum of r_i,

which estimates the ratio best if the variance of u_i is proportional to r_i (Cochran, Sampling Techniques, 1977). The
caps, which must hold whatever happens, count risked_s.
"""

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from planners.agents import Catalog
from planners.model import AgentName, NodeId, StepId
from planners.plans import Plan, PlannedStep
from planners.tasks import PlanningOptions
from reconciler.gate.appraisal import Appraisal
from reconciler.gate.guidance import Calibration
from reconciler.gate.later_guess import LaterGuess
from reconciler.gate.policy import GatePolicy
from reconciler.gate.prices import Prices
from reconciler.gate.savings import Savings, Shape, savings

# Free work on an idle node costs this much, because shares are proportional to costs.
_LEAST_USD = 1e-12


@dataclass(frozen=True, slots=True)
class Candidate:
    """One step that might start before the optimal plan.

    ``waits_for`` names the parents that are not under way. ``allowed`` is false where the effect rules speculation out.
    """

    step: StepId
    agent: AgentName
    node: NodeId
    appraisal: Appraisal
    waits_for: tuple[StepId, ...] = ()
    allowed: bool = True


def price(  # noqa: PLR0913 the inputs of the formula, named at the call
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
    later: LaterGuess | None = None,
    risk_ratio: float = 1.0,
    steps: Collection[StepId] | None = None,
) -> list[Candidate]:
    """Price the steps of a guess that are not under way, in plan order. Linear in steps and edges.

    Args:
        plan: the speculative plan; seconds of its placements count from admission.
        catalog: a step whose agent is not in it is never a candidate.
        now_s: seconds since admission.
        expected_plan_s: when the optimal plan is expected, seconds since admission.
        under_way: step -> when its attempt ends or ended, for every dispatched step.
        prices: of contended nodes and providers: how long the call delays confirmed work of others.
        options: the task's value of time.
        policy: the operator's prices.
        calibration: from claimed to observed survival; None uses the claims as they are.
        chances: P of single steps from a model that beats the calibrated claims.
        shape: ``Shape.of(plan, catalog)`` if the caller has kept it.
        later: a better guess that is being made.
        risk_ratio: agent-seconds that wrong guesses use, over those they risk (`Guidance`).
        steps: the steps to price; None prices all.
    """
    pricing = Pricing(
        plan,
        catalog,
        prices,
        policy,
        options,
        calibration=calibration,
        chances=chances,
        shape=shape,
        later=later,
        risk_ratio=risk_ratio,
    )
    pricing.refresh(now_s, expected_plan_s, under_way)
    return pricing.candidates((planned.id for planned in plan.steps if steps is None or planned.id in steps), under_way)


class Pricing:
    """Prices one guess repeatedly while it is acted on.

    `refresh` is linear in the guess; `candidates` costs only as much as the steps it is asked for and uses the figures
    of the last refresh, so a caller decides how often the whole guess is worth another look.
    """

    def __init__(  # noqa: PLR0913 the inputs of the formula that do not change
        self,
        plan: Plan,
        catalog: Catalog,
        prices: Prices,
        policy: GatePolicy,
        options: PlanningOptions,
        *,
        calibration: Calibration | None = None,
        chances: Mapping[StepId, float] | None = None,
        shape: Shape | None = None,
        later: LaterGuess | None = None,
        risk_ratio: float = 1.0,
    ) -> None:
        self._plan = plan
        self._later = later
        self._risk_ratio = risk_ratio
        self._agents = [catalog.by_name.get(planned.placement.agent) for planned in plan.steps]
        self._prices = prices
        self._policy = policy
        self._idle_usd_per_s = policy.idle_price * options.value_of_time_usd_per_s
        self._shape = shape or Shape.of(plan, catalog)
        self._index = {planned.id: index for index, planned in enumerate(plan.steps)}
        calibrated, better = calibration or Calibration(), chances or {}
        self._survival = [better.get(planned.id, calibrated.of(planned.probability)) for planned in plan.steps]
        self._now_s = self._expected_plan_s = 0.0
        self._savings = Savings([], [], [], [], [])
        self._worth: list[float] = []
        self._shares: dict[int, float] = {}

    def refresh(self, now_s: float, expected_plan_s: float, under_way: Mapping[StepId, float]) -> None:
        """Compute the savings of every step anew."""
        self._now_s, self._expected_plan_s = now_s, expected_plan_s
        shape = self._shape
        self._savings = savings(shape, now_s=now_s, expected_plan_s=expected_plan_s, under_way=under_way)
        self._worth = worth = _worth(shape, self._savings, self._survival)
        free = [
            index
            for index, step in enumerate(shape.steps)
            if worth[index] > 0 and step not in under_way and not self._waits_for(index, under_way)
        ]
        self._shares = self._shared(free)

    def candidates(self, steps: Iterable[StepId], under_way: Container[StepId]) -> list[Candidate]:
        """The candidates among these steps, in their order."""
        wanted = [
            index for step in steps if step not in under_way and self._agents[index := self._index[step]] is not None
        ]
        waits = {index: self._waits_for(index, under_way) for index in wanted}
        # A step that nobody expected to be free at the last refresh shares with the others of this call.
        fresh = [i for i in wanted if i not in self._shares and not waits[i] and self._worth[i] > 0]
        among = self._shared(fresh) if len(fresh) > 1 else {}  # alone it claims all of it
        return [
            self._candidate(index, waits[index], self._shares.get(index, among.get(index, 1.0))) for index in wanted
        ]

    def _candidate(self, index: int, waits: tuple[StepId, ...], share: float) -> Candidate:
        planned: PlannedStep = self._plan.steps[index]
        cost, saved_s = self._cost(index, share), self._worth[index] * share
        if self._later is not None:
            saved_s = self._later.leaves(self._now_s, saved_s, 0.0).saved_s
        return Candidate(
            step=planned.id,
            agent=planned.placement.agent,
            node=planned.placement.node,
            appraisal=Appraisal(
                claimed=planned.probability,
                probability=self._survival[index],
                saved_s=saved_s,
                own_s=min(self._savings.own_s[index] * share, saved_s),
                cost_usd=cost.cost_usd,
                risked_s=cost.risked_s,
                risked_usd=cost.risked_usd,
            ),
            waits_for=waits,
            allowed=self._shape.may_start[index],
        )

    def _waits_for(self, index: int, under_way: Container[StepId]) -> tuple[StepId, ...]:
        parents = self._plan.steps[index].step.parents
        return tuple(parent for parent in parents if parent in self._index and parent not in under_way)

    def _shared(self, indices: Sequence[int]) -> dict[int, float]:
        risked = {
            index: max(_LEAST_USD, self._cost(index).cost_usd) for index in indices if self._agents[index] is not None
        }
        return _shares(self._worth, self._survival, risked)

    def _cost(self, index: int, share: float = 1.0) -> "_Cost":
        agent, node = self._agents[index], self._plan.steps[index].placement.node
        assert agent is not None
        start_s = self._savings.start_s[index]
        risked_s = min(self._shape.seconds[index], max(0.0, self._expected_plan_s - start_s))
        if self._later is not None:
            risked_s = self._later.leaves(start_s, 0.0, risked_s).risked_s
        used_s = risked_s * self._risk_ratio
        delay_s = self._prices.delay_s(agent, node, used_s)
        beyond_usd = used_s * share * self._idle_usd_per_s + self._policy.node_usd_per_s * delay_s
        return _Cost(agent.price.of(used_s) + beyond_usd, risked_s, agent.price.of(risked_s))


class _Cost(NamedTuple):
    """What a wrong guess loses: C, and at most so many agent-seconds and dollars that its provider charges."""

    cost_usd: float
    risked_s: float
    risked_usd: float


def _shares(worth: Sequence[float], survival: Sequence[float], risked: Mapping[int, float]) -> dict[int, float]:
    """The share of its L that each step may claim, by index, given the steps that could start beside it.

    Parallel branches must all come early for the run to end sooner. With x_1 >= x_2 >= ... their seconds, the run ends
    x_j - x_(j+1) sooner only if each of the first j does, which happens as often as the weakest of them survives
    (guesses of one plan stand and fall together). All j share that gain in proportion to their costs: with c_i what
    each risks,

        P_i * L_i = c_i * sum over j >= i of (x_j - x_(j+1)) * min(P_1..P_j) / (c_1 + ... + c_j)

    So the shares add up to what is saved, and branches of equal length are tried when they are worth what all of them
    cost. Equal shares (the Shapley value of this game) would refuse one expensive branch beside cheap ones and lose
    what they save with it. Proportional sharing: Moulin, Axiomatic Cost and Surplus Sharing, 2002.
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
