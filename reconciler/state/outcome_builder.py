"""Outcomes for the learner: one for every attempt that a plan has decided about, and one for every refused guess."""

from collections.abc import Iterable, Mapping

from planners.agents import Catalog
from planners.input_kinds import input_kind
from planners.model import AttemptId, StepId, TaskId, WorkKey
from planners.plans import Plan
from planners.tasks import Mode, Task
from reconciler.state import accounts
from reconciler.state.attempts import Attempt
from reconciler.state.features import step_features
from reconciler.state.handoff import FailureKind
from reconciler.state.outcomes import Outcome, Verdict
from reconciler.state.realised_savings import realised_s
from reconciler.state.refused_guesses import RefusedGuess

# In these modes no optimal planner is asked, so how long it takes is not learned from them.
_UNPLANNED = frozenset({Mode.ORACLE, Mode.LIST_SCHEDULE})


class OutcomeBuilder:
    """Makes the outcomes of one run.

    What a guess has saved is known only once everything that needs it is confirmed, so outcomes of guesses that finish
    while the optimal plan streams are deferred until it is complete or the run ends. Guesses that fail before a plan
    has decided about them are deferred too, and those that were given up as unlikely: whether that was right shows in
    the complete plan. Without one nothing is learned from them.
    """

    def __init__(self, task_id: TaskId, task: Task, catalog: Catalog) -> None:
        self._task_id = task_id
        self._task = task
        self._catalog = catalog
        self._planning_s: float | None = None
        self._confirmed_s: dict[StepId, float] = {}
        self._saved_s: dict[AttemptId, float] = {}
        self._deferred: dict[AttemptId, None] = {}
        self._failed_guesses: list[Attempt] = []
        self._given_up: dict[AttemptId, Attempt] = {}
        self._complete: Plan | None = None
        self._held: frozenset[WorkKey] | None = None  # made where it is asked for
        self._refused_work: set[WorkKey] = set()
        self._streaming = False

    def plan_arrived(self, plan: Plan, at_s: float, adopted: Mapping[StepId, Attempt]) -> None:
        """An optimal plan, or a longer prefix of it, arrived then and adopted these attempts."""
        self._streaming = not plan.complete
        for planned in plan.steps:
            self._confirmed_s.setdefault(planned.id, at_s)
        if plan.complete:
            self._complete, self._held = plan, None
            if self._planning_s is None and self._task.planning.mode not in _UNPLANNED:
                self._planning_s = at_s
            if any(attempt.began_speculative and attempt.id not in self._saved_s for attempt in adopted.values()):
                self._saved_s = realised_s(plan, at_s, self._confirmed_s, adopted) | self._saved_s

    def deferred(self, attempts: Mapping[AttemptId, Attempt], *, decided: bool) -> list[Outcome]:
        """The deferred outcomes of attempts as they are now; ``decided``: a complete plan is there."""
        deferred, self._deferred = self._deferred, {}
        failed, self._failed_guesses = [*self._failed_guesses, *self._given_up.values()], []
        if decided:
            self._given_up = {}
        return self._learnable([attempts[one] for one in deferred] + (failed if decided else []))

    def _learnable(self, attempts: Iterable[Attempt]) -> list[Outcome]:
        """The outcomes of attempts that have run."""
        return [self._of(one) for one in attempts if one.handoff is None or not one.handoff.cached]

    def give_up(self, guess: Attempt) -> None:
        """A guess that runs is flushed before a plan has decided about it."""
        self._given_up[guess.id] = guess

    def defer_failed(self, guess: Attempt) -> None:
        """A guess has failed before a plan decided about it."""
        self._failed_guesses.append(guess)

    def of(self, attempt: Attempt) -> list[Outcome]:
        """The outcome of an attempt whose end and verdict are known; none yet if it is deferred."""
        assert attempt.verdict is not None
        if attempt.id in self._given_up:
            self._given_up[attempt.id] = attempt
            return []
        guess_kept = attempt.began_speculative and attempt.finished and attempt.verdict.survives
        if self._streaming and guess_kept and attempt.id not in self._saved_s:
            self._deferred[attempt.id] = None
            return []
        return self._learnable([attempt])

    def _holds(self, work: WorkKey) -> bool:
        """Whether the complete plan holds the work."""
        if self._held is None:
            steps = () if self._complete is None else self._complete.steps
            self._held = frozenset(planned.work_key for planned in steps)
        return work in self._held

    def _of(self, attempt: Attempt) -> Outcome:
        assert attempt.verdict is not None
        early = attempt.given_up
        wrongly = early and self._holds(attempt.work_key)
        accepted, again = _accepted(attempt), attempt.work_key in self._refused_work
        if accepted is False:
            self._refused_work.add(attempt.work_key)
        return Outcome(
            task=self._task_id,
            task_kind=self._task.kind,
            attempt=attempt.id,
            step=attempt.step.id,
            capability=attempt.step.capability,
            agent=attempt.placement.agent,
            node=attempt.placement.node,
            speculative=attempt.began_speculative,
            verdict=Verdict.COMMIT if wrongly else attempt.verdict,
            succeeded=attempt.finished,
            given_up=early,
            seconds=max(0.0, attempt.seconds),
            expected_s=attempt.placement.duration_s,
            usd=accounts.cost_usd(self._catalog.by_name[attempt.placement.agent], attempt),
            output_bytes=attempt.handoff.output_bytes if attempt.handoff else 0,
            appraisal=attempt.appraisal,
            realised_s=self._realised_s(attempt) if attempt.began_speculative else None,
            value_of_time_usd_per_s=self._task.planning.value_of_time_usd_per_s,
            planning_s=self._planning_s,
            features=dict(step_features(attempt.step)),
            accepted=accepted,
            input_kind=input_kind(attempt.step),
            again=again,
        )

    def judged(self, attempt: Attempt, *, accepted: bool) -> Outcome:
        """What a person has said of the output of a confirmed attempt."""
        known = self._of(attempt)
        return known.model_copy(update={"judged": True, "accepted": accepted, "again": False, "appraisal": None})

    def of_refusals(self, refused: Iterable[RefusedGuess], plan: Plan) -> list[Outcome]:
        """Outcomes of steps that the gate refused; without these it would learn only about those that it accepts."""
        steps = {planned.work_key: planned.id for planned in plan.steps}
        return [self._refused(one, steps.get(one.guessed.work_key)) for one in refused]

    def _refused(self, refused: RefusedGuess, held: StepId | None) -> Outcome:
        """``held``: the step that is the same work in the plan; starting it saves no more than its lead over that."""
        guessed, appraisal = refused.guessed, refused.decision.appraisal
        lead_s = 0.0 if held is None else max(0.0, self._confirmed_s[held] - refused.asked_s)
        return Outcome(
            task=self._task_id,
            task_kind=self._task.kind,
            attempt=AttemptId(f"{self._task_id}.refused.{guessed.work_key}"),
            step=guessed.id,
            capability=guessed.step.capability,
            agent=guessed.placement.agent,
            node=guessed.placement.node,
            speculative=True,
            verdict=Verdict.FLUSH if held is None else Verdict.COMMIT,
            succeeded=False,
            seconds=0.0,
            expected_s=guessed.placement.duration_s,
            dispatched=False,
            appraisal=appraisal,
            realised_s=min(appraisal.own_s, lead_s),
            value_of_time_usd_per_s=self._task.planning.value_of_time_usd_per_s,
            planning_s=self._planning_s,
            features=dict(step_features(guessed.step)),
        )

    def _realised_s(self, attempt: Attempt) -> float:
        """What a guess really saved; nothing if it failed or was flushed.

        Without a complete plan all that is known is how long it had been under way when it was confirmed.
        """
        if not attempt.finished or attempt.verdict is Verdict.FLUSH or attempt.confirmed_s is None:
            return 0.0
        if attempt.id in self._saved_s:
            return self._saved_s[attempt.id]
        ended_s = attempt.confirmed_s if attempt.ended_s is None else attempt.ended_s
        return max(0.0, min(ended_s, attempt.confirmed_s) - attempt.dispatched_s)


def _accepted(attempt: Attempt) -> bool | None:
    """Whether the output passed the check of its step; None if there was no output or no check."""
    if attempt.step.check is None:
        return None
    if attempt.finished:
        return True
    refused = attempt.failure is not None and attempt.failure.kind is FailureKind.BAD_OUTPUT
    return False if refused else None
