"""What the learner is told of a run: an outcome for every attempt with its end and verdict, and for every refusal."""

from planners.agents import Catalog
from planners.model import AttemptId, TaskId
from planners.plans import Plan, PlannedStep
from planners.tasks import Mode, Task
from reconciler import accounts
from reconciler.attempts import Attempt
from reconciler.features import step_features
from reconciler.gate import Decision
from reconciler.outcomes import Outcome, Verdict
from reconciler.speculation import Speculation

# In these modes no optimal planner is asked, so how long it takes is not learned from them.
_UNPLANNED = frozenset({Mode.ORACLE, Mode.LIST_SCHEDULE})


class Lessons:
    """Makes the outcomes of one run."""

    def __init__(self, task_id: TaskId, task: Task, catalog: Catalog) -> None:
        self._task_id = task_id
        self._task = task
        self._catalog = catalog
        self._planning_s: float | None = None

    def planned(self, at_s: float) -> None:
        """The first whole plan of authority arrived then."""
        if self._planning_s is None and self._task.planning.mode not in _UNPLANNED:
            self._planning_s = at_s

    def of(self, attempt: Attempt) -> Outcome:
        """The outcome of an attempt whose end and verdict are known."""
        assert attempt.verdict is not None
        return Outcome(
            task=self._task_id,
            task_kind=self._task.kind,
            attempt=attempt.id,
            step=attempt.step.id,
            capability=attempt.step.capability,
            agent=attempt.placement.agent,
            node=attempt.placement.node,
            speculative=attempt.began_speculative,
            verdict=attempt.verdict,
            succeeded=attempt.finished,
            seconds=max(0.0, attempt.seconds),
            expected_s=attempt.placement.duration_s,
            usd=accounts.cost_usd(self._catalog.by_name[attempt.placement.agent], attempt),
            output_bytes=attempt.handoff.output_bytes if attempt.handoff else 0,
            claimed=attempt.claimed,
            probability=attempt.probability,
            saved_s=attempt.saved_s,
            own_s=attempt.own_s,
            cost_usd=attempt.cost_usd,
            realised_s=_realised_s(attempt) if attempt.began_speculative else None,
            value_of_time_usd_per_s=self._task.planning.value_of_time_usd_per_s,
            planning_s=self._planning_s,
            features=dict(step_features(attempt.step)),
        )

    def of_refusals(self, speculation: Speculation, plan: Plan) -> list[Outcome]:
        """Outcomes of the guesses that the gate refused: it would otherwise only learn about what it dares already."""
        keys = {planned.work_key for planned in plan.steps}
        return [
            self._refused(guessed, decision, held=guessed.work_key in keys)
            for guessed, decision in speculation.refused()
        ]

    def _refused(self, guessed: PlannedStep, decision: Decision, *, held: bool) -> Outcome:
        return Outcome(
            task=self._task_id,
            task_kind=self._task.kind,
            attempt=AttemptId(f"{self._task_id}.refused.{guessed.id}"),
            step=guessed.id,
            capability=guessed.step.capability,
            agent=guessed.placement.agent,
            node=guessed.placement.node,
            speculative=True,
            verdict=Verdict.COMMIT if held else Verdict.FLUSH,
            succeeded=False,
            seconds=0.0,
            expected_s=guessed.placement.duration_s,
            dispatched=False,
            claimed=guessed.probability,
            probability=decision.probability,
            saved_s=decision.saved_s,
            own_s=decision.own_s,
            cost_usd=decision.cost_usd,
            realised_s=decision.own_s if held else 0.0,
            value_of_time_usd_per_s=self._task.planning.value_of_time_usd_per_s,
            planning_s=self._planning_s,
            features=dict(step_features(guessed.step)),
        )


def _realised_s(attempt: Attempt) -> float:
    """What a guess really saved: the time it had been under way when the plan confirmed it, at most all it took."""
    ended_s = attempt.dispatched_s if attempt.ended_s is None else attempt.ended_s
    confirmed_s = attempt.dispatched_s if attempt.confirmed_s is None else attempt.confirmed_s
    return max(0.0, min(ended_s, confirmed_s) - attempt.dispatched_s)
