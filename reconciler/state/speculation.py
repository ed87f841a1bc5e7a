"""A guess being acted on: which of its steps are under way, and which the gate lets start now."""

from collections.abc import Sequence

from planners.agents import Catalog
from planners.model import AttemptId, StepId, WorkKey
from planners.plans import Plan, PlannedStep
from planners.tasks import Task
from reconciler.gate import Decision, GateState, Shape, decide, price, refused_for_price
from reconciler.state.attempts import Progress
from reconciler.state.conditions import Conditions
from reconciler.state.frontier import Frontier


def overtake(speculations: Sequence["Speculation"], prefix: Plan) -> None:
    """Of guesses that begin differently, let those rest that do not begin as the plan does, once one of them does.

    What is under way goes on, since a prefix decides only on what it holds; nothing more of them is started.
    """
    works = {planned.work_key for planned in prefix.steps}
    right = [not one.beginnings.isdisjoint(works) for one in speculations]
    for speculation, is_right in zip(speculations, right, strict=True):
        speculation.overtaken = any(right) and not is_right


class Speculation:
    """One guess of one epoch. Work that is already under way, for whatever reason, is not started again."""

    def __init__(self, guess: Plan, conditions: Conditions, task: Task, catalog: Catalog) -> None:
        self.guess = guess
        self.keys: dict[StepId, WorkKey] = {planned.id: planned.work_key for planned in guess.steps}
        self.serving: dict[StepId, AttemptId] = {}
        self._conditions = conditions
        self._task = task
        self._catalog = catalog
        self._frontier = Frontier(guess)
        self._shape = Shape.of(guess, catalog)
        self._position = {key: step for step, key in self.keys.items()}
        self.beginnings = frozenset(planned.work_key for planned in guess.steps if not planned.step.parents)
        self.overtaken = False
        self._refused: frozenset[StepId] = frozenset()
        self.decisions: dict[StepId, Decision] = {}

    def decide(self, progress: Progress) -> list[tuple[PlannedStep, Decision]]:
        """The gate's decisions on every step that could start now; those with ``dispatch`` are to be started."""
        self._adopt(progress)
        if self.overtaken or not self._frontier.ready:
            return []
        guidance, policy = self._conditions.guidance, self._conditions.policy
        candidates = price(
            self.guess,
            catalog=self._catalog,
            now_s=progress.at_s,
            expected_plan_s=guidance.expected_plan_s(progress.at_s, self._conditions.prior_plan_s),
            under_way=self._ends(progress),
            prices=self._conditions.prices,
            options=self._task.planning,
            policy=policy,
            calibration=guidance.calibration,
            chances=self._conditions.chances,
            shape=self._shape,
            steps=self._frontier.ready.keys(),
        )
        decisions = decide(candidates, self._state(progress), policy, self._task.planning)
        self._refused = refused_for_price(decisions, self._refused)
        self.decisions |= {decision.step: decision for decision in decisions}
        return [(self.guess.by_id[decision.step], decision) for decision in decisions]

    def take(self, step: StepId, attempt: AttemptId) -> None:
        """The step is under way."""
        self.serving[step] = attempt
        self._frontier.take(step)

    def drop(self, step: StepId) -> None:
        """The step cannot be started as guessed; neither can what is behind it."""
        self._frontier.take(step)

    def refused(self) -> list[tuple[PlannedStep, Decision]]:
        """The steps that the gate has refused to the last."""
        return [
            (self.guess.by_id[step], decision)
            for step, decision in self.decisions.items()
            if not decision.dispatch and step not in self.serving
        ]

    def _adopt(self, progress: Progress) -> None:
        """Take in what has happened: attempts of the same work, whoever dispatched them, and those that finished."""
        for attempt in progress.attempts.values():
            step = self._position.get(attempt.work_key)
            if step is not None and step not in self.serving:
                self.take(step, attempt.id)
        for step, attempt_id in self.serving.items():
            if progress.attempts[attempt_id].finished:
                self._frontier.finish(step)

    def _ends(self, progress: Progress) -> dict[StepId, float]:
        attempts = progress.attempts
        return {
            step: progress.at_s + attempts[attempt].remaining_s(progress.at_s) for step, attempt in self.serving.items()
        }

    def _state(self, progress: Progress) -> GateState:
        unconfirmed = [attempt for attempt in progress.attempts.values() if attempt.live and attempt.speculative]
        agents = self._catalog.by_name
        return GateState(
            attempts=len(unconfirmed),
            agent_s=sum(attempt.placement.duration_s for attempt in unconfirmed),
            usd=sum(agents[a.placement.agent].price.of(a.placement.duration_s) for a in unconfirmed),
            refused=self._refused,
            throttle=self._conditions.guidance.throttle,
            closed=self._conditions.guidance.closed,
        )
