"""The rule: dispatch when P*L*value_of_time - (1-P)*C >= (1-alpha)*C, within the caps (DESIGN: the gate)."""

import heapq
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from pydantic import Field

from planners.amounts import dollars
from planners.model import AgentName, NodeId, StepId, Versioned
from planners.tasks import PlanningOptions
from reconciler.gate.appraisal import Appraisal
from reconciler.gate.candidates import Candidate
from reconciler.gate.policy import GatePolicy, GateState


class Refusal(StrEnum):
    """Why a candidate is not dispatched."""

    EFFECT = "effect"
    CLOSED = "closed"
    TOO_SLOW = "too_slow"
    PRICE = "price"
    ATTEMPTS = "attempts"
    BUDGET = "budget"
    PARENT = "parent"


class Decision(Versioned):
    """The gate's decision about one step, with its appraisal and a short reason.

    The rule uses ``throttle * probability`` as P. ``margin_usd`` is its left side minus its right side.
    """

    step: StepId = Field(description="The guessed step")
    agent: AgentName = Field(description="Its agent in the guess")
    node: NodeId = Field(description="Its node in the guess")
    dispatch: bool = Field(description="Whether it may start before the optimal plan")
    appraisal: Appraisal = Field(description="P, L and C")
    throttle: float = Field(
        default=1.0, ge=0, le=1, description="Factor on P; below 1 while guesses of this kind of task are often wrong"
    )
    margin_usd: float = Field(default=0.0, description="Left side minus right side of the rule")
    refusal: Refusal | None = Field(default=None, description="Why it was refused")
    reason: str = Field(default="", description="The same in words")


class Worth(NamedTuple):
    """Both sides of the rule, in dollars: the expected gain, and the charge for it."""

    gain_usd: float
    charge_usd: float

    @property
    def margin_usd(self) -> float:
        """Gain minus charge."""
        return self.gain_usd - self.charge_usd


def worth(probability: float, saved_s: float, cost_usd: float, options: PlanningOptions) -> Worth:
    """Both sides: P*L*value_of_time, and (1-P)*C + (1-alpha)*C."""
    return Worth(
        gain_usd=probability * saved_s * options.value_of_time_usd_per_s,
        charge_usd=(1 - probability) * cost_usd + (1 - options.alpha) * cost_usd,
    )


def decide(
    candidates: Sequence[Candidate], state: GateState, policy: GatePolicy, options: PlanningOptions
) -> list[Decision]:
    """Decide about each candidate; decisions are in the order of the candidates.

    Parents are decided before children. Among ready candidates the one with the highest gain per dollar risked comes
    first, so the best get what the caps allow. A step whose parent is neither under way nor dispatched now is refused.
    """
    round_ = _Round(state, policy, options)
    decided = {candidate.step: decision for candidate, decision in round_.run(candidates)}
    return [decided[candidate.step] for candidate in candidates]


def refused_for_price(decisions: Iterable[Decision], before: frozenset[StepId]) -> frozenset[StepId]:
    """``GateState.refused`` after these decisions: the steps to which hysteresis applies next time."""
    refused = set(before)
    for decision in decisions:
        if decision.refusal is Refusal.PRICE:
            refused.add(decision.step)
        elif decision.dispatch:
            refused.discard(decision.step)
    return frozenset(refused)


class _Round:
    """One call of `decide`: how much of each cap remains while candidates are decided."""

    def __init__(self, state: GateState, policy: GatePolicy, options: PlanningOptions) -> None:
        self._state, self._policy, self._options = state, policy, options
        cap = _least(policy.max_attempts, policy.probe_attempts if state.throttle < policy.probe_below else None)
        self._attempts = _least(_left(cap, state.attempts), state.tenant_attempts_left)
        self._usd = _least(_left(policy.max_usd, state.usd), state.tenant_usd_left)
        self._agent_s = _least(_left(policy.max_agent_s, state.agent_s), state.tenant_agent_s_left)

    def run(self, candidates: Sequence[Candidate]) -> Iterable[tuple[Candidate, Decision]]:
        """Decisions in the order in which they are made."""
        missing = {candidate.step: len(candidate.waits_for) for candidate in candidates}
        children: dict[StepId, list[int]] = {}
        for index, candidate in enumerate(candidates):
            for parent in candidate.waits_for:
                children.setdefault(parent, []).append(index)
        ready = [(self._rank(candidate), i) for i, candidate in enumerate(candidates) if not missing[candidate.step]]
        heapq.heapify(ready)
        answered: set[StepId] = set()
        while ready:
            candidate = candidates[heapq.heappop(ready)[1]]
            decision = self._answer(candidate)
            answered.add(candidate.step)
            yield candidate, decision
            for index in children.get(candidate.step, ()) if decision.dispatch else ():
                child = candidates[index]
                missing[child.step] -= 1
                if not missing[child.step]:
                    heapq.heappush(ready, (self._rank(child), index))
        for candidate in candidates:
            if candidate.step not in answered:
                yield candidate, self._decision(candidate, Refusal.PARENT, "a parent is not under way")

    def _rank(self, candidate: Candidate) -> float:
        """Lower goes first: minus the expected gain per dollar of C."""
        found = candidate.appraisal
        gain_usd = found.probability * found.saved_s * self._options.value_of_time_usd_per_s
        return -gain_usd / found.cost_usd if found.cost_usd > 0 else float("-inf") * (gain_usd > 0 or -1)

    def _answer(self, candidate: Candidate) -> Decision:
        refusal, reason = self._refusal(candidate)
        if refusal is None:
            self._attempts = _left(self._attempts, 1)
            self._usd = _left(self._usd, candidate.appraisal.risked_usd)
            self._agent_s = _left(self._agent_s, candidate.appraisal.risked_s)
        return self._decision(candidate, refusal, reason)

    def _refusal(self, candidate: Candidate) -> tuple[Refusal | None, str]:
        if not candidate.allowed:
            return Refusal.EFFECT, "its effect may not be speculative"
        if self._state.closed:
            return Refusal.CLOSED, "the gate is closed for this kind of task"
        found = candidate.appraisal
        if found.saved_s <= self._policy.min_saved_s:
            return Refusal.TOO_SLOW, f"saves {found.saved_s:.3f} s, less than a dispatch costs"
        terms = self._worth(candidate)
        hold = self._policy.hysteresis if candidate.step in self._state.refused else 0.0
        if terms.gain_usd <= 0 or terms.gain_usd * (1 - hold) < terms.charge_usd:
            return Refusal.PRICE, _bargain(terms)
        if self._attempts is not None and self._attempts < 1:
            return Refusal.ATTEMPTS, "the cap on unconfirmed attempts is reached"
        if _beyond(self._usd, found.risked_usd) or _beyond(self._agent_s, found.risked_s):
            return Refusal.BUDGET, "the budget for unconfirmed work is spent"
        return None, _bargain(terms)

    def _worth(self, candidate: Candidate) -> Worth:
        found = candidate.appraisal
        return worth(found.probability * self._state.throttle, found.saved_s, found.cost_usd, self._options)

    def _decision(self, candidate: Candidate, refusal: Refusal | None, reason: str) -> Decision:
        return Decision(
            step=candidate.step,
            agent=candidate.agent,
            node=candidate.node,
            appraisal=candidate.appraisal,
            dispatch=refusal is None,
            throttle=self._state.throttle,
            margin_usd=self._worth(candidate).margin_usd,
            refusal=refusal,
            reason=reason,
        )


def _least(a: float | None, b: float | None) -> float | None:
    return b if a is None else a if b is None else min(a, b)


def _left(cap: float | None, used: float) -> float | None:
    return None if cap is None else cap - used


def _beyond(left: float | None, wanted: float) -> bool:
    return left is not None and wanted > left


def _bargain(terms: Worth) -> str:
    return f"gains {dollars(terms.gain_usd)} for {dollars(terms.charge_usd)}"
