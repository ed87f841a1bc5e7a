"""A guess that is being acted on: which of its steps are under way, and which the gate lets start now."""

from collections.abc import Iterable, Sequence

from planners.agents import Catalog
from planners.model import AttemptId, StepId, WorkKey
from planners.plans import Plan, PlannedStep
from planners.tasks import Task
from reconciler.gate import Decision, GatePolicy, GateState, Pricing, decide, refused_for_price
from reconciler.state.attempt_table import AttemptTable
from reconciler.state.attempts import Attempt, AttemptStatus
from reconciler.state.conditions import Conditions
from reconciler.state.fan_outs import FanOuts
from reconciler.state.frontier import Frontier
from reconciler.state.refused_guesses import RefusedGuess
from reconciler.state.step_state import StepStatus

# The whole guess is priced again once the plan is expected this much later than last time, and after so many events
# that each pays for this many steps; small guesses at every event. In between only steps that became ready are priced,
# so an event costs the same at any size.
_REPRICED_LATER = 1.1
_REPRICED_STEPS = 5
_SMALL_GUESS = 12


def supersede(speculations: Sequence["Speculation"], prefix: Plan) -> None:
    """Stop starting steps of guesses that begin otherwise than the plan, once one of them begins as it does.

    What is under way goes on, because a prefix decides only about the steps it holds.
    """
    works = {planned.work_key for planned in prefix.steps}
    right = [not one.first_works.isdisjoint(works) for one in speculations]
    for speculation, is_right in zip(speculations, right, strict=True):
        speculation.superseded = any(right) and not is_right


class Speculation:
    """One guess of one epoch. Work that is under way already, for whatever reason, is not started again."""

    def __init__(
        self,
        guess: Plan,
        conditions: Conditions,
        task: Task,
        catalog: Catalog,
        planned: frozenset[StepId] | None = None,
    ) -> None:
        """``planned``: of a guess ahead, the steps that the plan in hand holds; these start only as planned."""
        self.guess = guess
        self.ahead = planned is not None
        self._planned = planned or frozenset()
        self.keys: dict[StepId, WorkKey] = {planned.id: planned.work_key for planned in guess.steps}
        self.serving: dict[StepId, AttemptId] = {}
        self.first_works = frozenset(planned.work_key for planned in guess.steps if not planned.step.parents)
        self.superseded = False
        self.seen = 0  # how many of the changes of the event at hand it has observed
        self.decisions: dict[StepId, Decision] = {}
        self._asked_s: dict[StepId, float] = {}
        self._conditions = conditions
        self._options = task.planning
        self._policy = _with_allowance(conditions.policy, task.limits.budget_usd)
        self._frontier = Frontier(guess)
        self._fan_outs = FanOuts(guess)
        self._position = {key: step for step, key in self.keys.items()}
        self._finished: set[StepId] = set()
        self._refused: set[StepId] = set()
        self._undecided: dict[StepId, None] = dict(self._frontier.ready)
        self._events = self._priced_at_event = 0
        self._priced_for_s: float | None = None
        self._pricing = Pricing(
            guess,
            catalog,
            conditions.prices,
            self._policy,
            task.planning,
            calibration=conditions.guidance.calibration,
            chances=conditions.chances,
            later=conditions.later,
            risk_ratio=conditions.guidance.risk_ratio,
        )

    def observe(self, attempt: Attempt) -> None:
        """Take in what became of an attempt, whoever dispatched it, if the guess holds its work."""
        step = self._position.get(attempt.work_key)
        if step is None:
            return
        if step not in self.serving:
            self.take(step, attempt.id)
        if attempt.finished and step not in self._finished:
            self.serving[step] = attempt.id
            self._finished.add(step)
            self._fan_outs.moved(step, StepStatus.RUNNING, StepStatus.FINISHED)
            self._undecided.update(dict.fromkeys((*self._frontier.finish(step), *self._fan_outs.take_released())))
        elif attempt.status is AttemptStatus.FAILED and self.serving[step] == attempt.id and step in self._finished:
            self._drop_behind(step)

    def decide(self, now_s: float, attempts: AttemptTable) -> list[tuple[PlannedStep, Decision]]:
        """The gate's decisions about steps that could start now; those with ``dispatch`` are to be started."""
        ready = self._frontier.ready
        if self.superseded or not ready:
            return []
        self._events += 1
        plan_s = self._expected_plan_s(now_s)
        asked = self._undecided
        if self._is_worth_repricing(plan_s, self._events):
            self._pricing.refresh(now_s, plan_s, self._ends(now_s, attempts))
            self._priced_at_event, self._priced_for_s, asked = self._events, plan_s, ready
        if not asked:
            return []
        wanted = [step for step in asked if step in ready and step not in self._planned]
        candidates = self._pricing.candidates(wanted, self.serving)
        decisions = decide(candidates, self._state(asked, attempts), self._policy, self._options)
        self._undecided = {}
        self._remember(decisions, now_s)
        return [(self.guess.by_id[decision.step], decision) for decision in decisions]

    def reprices(self, now_s: float) -> bool:
        """Whether the next decision may price the whole guess, which takes time linear in its steps."""
        if self.superseded or len(self.serving) == len(self.keys):
            return False
        return self._is_worth_repricing(self._expected_plan_s(now_s), self._events + 1)

    def take(self, step: StepId, attempt: AttemptId) -> None:
        """The step is under way."""
        self.serving[step] = attempt
        self._fan_outs.moved(step, StepStatus.WAITING, StepStatus.RUNNING)
        self._leave(step)

    def holds(self, step: StepId) -> bool:
        """Whether a fan-out around the step is at its limit, or has places only for elements before it.

        The step is then decided about again when an element has ended. A guess that took the place of an element before
        it, which may act and so cannot be guessed, would change the order in which they begin.
        """
        full = self._fan_outs.holding(step) or self._fan_outs.preceding(step)
        if full is not None:
            self._fan_outs.hold(step, full)
        return full is not None

    def drop(self, step: StepId) -> None:
        """The step cannot be started as guessed, and neither can the steps behind it."""
        self._leave(step)

    def refused(self) -> list[RefusedGuess]:
        """The steps that the gate has refused to the last. Another guess or the plan may have started them since."""
        return [
            RefusedGuess(self.guess.by_id[step], decision, self._asked_s[step], self.ahead)
            for step, decision in self.decisions.items()
            if not decision.dispatch
        ]

    def _leave(self, step: StepId) -> None:
        self._frontier.take(step)
        self._undecided.pop(step, None)

    def _drop_behind(self, step: StepId) -> None:
        """The output of a finished step was lost: nothing that reads it can be started."""
        for child in self._frontier.children(step):
            self._leave(child)

    def _expected_plan_s(self, now_s: float) -> float:
        return self._conditions.guidance.expected_plan_s(now_s, self._conditions.prior_plan_s)

    def _is_worth_repricing(self, plan_s: float, events: int) -> bool:
        if self._priced_for_s is None or plan_s > self._priced_for_s * _REPRICED_LATER:
            return True
        paid_for = (events - self._priced_at_event) * _REPRICED_STEPS
        return paid_for >= len(self.guess.steps) - _SMALL_GUESS

    def _remember(self, decisions: Sequence[Decision], now_s: float) -> None:
        for decision in decisions:
            self.decisions[decision.step] = decision
            self._asked_s.setdefault(decision.step, now_s)
        decided = {decision.step for decision in decisions}
        still = refused_for_price(decisions, frozenset(self._refused & decided))
        self._refused.difference_update(decided)
        self._refused.update(still)

    def _ends(self, now_s: float, attempts: AttemptTable) -> dict[StepId, float]:
        return {step: now_s + attempts[attempt].remaining_s(now_s) for step, attempt in self.serving.items()}

    def _state(self, asked: Iterable[StepId], attempts: AttemptTable) -> GateState:
        spending, guidance = attempts.spending, self._conditions.guidance
        return GateState(
            attempts=spending.unconfirmed,
            agent_s=max(0.0, spending.unconfirmed_s),
            usd=max(0.0, spending.guesses_usd),
            refused=frozenset(self._refused.intersection(asked)),
            throttle=guidance.throttle,
            closed=guidance.closed,
        )


def _with_allowance(policy: GatePolicy, budget_usd: float | None) -> GatePolicy:
    """Guesses have an allowance of their own: the operator's, and never more than the task may spend on its plan."""
    if budget_usd is None or (policy.max_usd is not None and policy.max_usd <= budget_usd):
        return policy
    return policy.model_copy(update={"max_usd": budget_usd})
