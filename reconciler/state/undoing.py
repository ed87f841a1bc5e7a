"""What a task that has failed or was cancelled undoes before it ends: the compensations of the steps that succeeded.

They run one after the other, the last success first, as the steps of a further plan. Nothing else of the task goes on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from planners.compensation import PREFIX, undo_step
from planners.model import AttemptId, StepId
from planners.workflow import Step
from reconciler.state.attempts import Attempt
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure
from reconciler.state.step_state import StepState, StepStatus

_MOST_NAMED = 20


@dataclass(slots=True)
class Undoing:
    """The undoing of one task.

    Attributes:
        status: how the task ends afterwards.
        failure: why.
        made: the steps that undo, each with the attempt that it undoes.
        failed: those that could not be carried out, and why.
        lost: finished attempts whose outputs are gone, so that no compensation can read them.
        stopped: why no more could be undone.
    """

    status: RunStatus
    failure: Failure
    made: dict[StepId, AttemptId] = field(default_factory=dict)
    failed: dict[StepId, str] = field(default_factory=dict)
    lost: set[AttemptId] = field(default_factory=set)
    stopped: str = ""

    def due(
        self, attempts: Iterable[Attempt], steps: Mapping[StepId, StepState]
    ) -> list[tuple[Attempt, Step, list[Attempt]]]:
        """What is still to be undone, in order: the attempt, the step that undoes it, the attempts that this one reads.

        What reads an output that is gone has failed.
        """
        done = {one.step.id: one for one in attempts if one.took_effect}
        found, after = [], tuple[StepId, ...]()
        for attempt in sorted(filter(_is_undoable, done.values()), key=took_effect_s)[::-1]:
            step = undo_step(attempt.step, after)
            if step.id in self.failed or step.id in done or _is_finished(steps.get(step.id)):
                continue
            if (state := steps.get(step.id)) is not None and state.status is StepStatus.FAILED:
                self.failed[step.id] = state.cause
                continue
            read = [done[parent] for parent in step.data_parents if parent in done]
            if len(read) < len(step.data_parents) or any(one.id in self.lost for one in read):
                self.failed[step.id] = "an output that it reads was lost"
                continue
            self.made[step.id] = attempt.id
            found.append((attempt, step, read))
            after = (step.id,)
        return found

    def undone(self, steps: Mapping[StepId, StepState]) -> dict[StepId, AttemptId]:
        """The compensations that have succeeded, each with the attempt that it has undone."""
        return {step: attempt for step, attempt in self.made.items() if _is_finished(steps.get(step))}

    def ended(self, attempts: Mapping[AttemptId, Attempt], steps: Mapping[StepId, StepState]) -> Failure:
        """The failure of the task: it says what was undone, and what was not."""
        undone = [f"'{attempts[attempt].step.id}'" for attempt in self.undone(steps).values()]
        parts = [self.failure.message]
        if undone:
            more = f" and {len(undone) - _MOST_NAMED} more" if len(undone) > _MOST_NAMED else ""
            parts.append(f"undone: {', '.join(undone[:_MOST_NAMED])}{more}")
        failed = list(self.failed.items())[:_MOST_NAMED]
        parts += [f"'{step.removeprefix(PREFIX)}' is not undone: {reason}" for step, reason in failed]
        parts += [f"not all is undone: {self.stopped}"] if self.stopped else []
        return self.failure.model_copy(update={"message": "; ".join(parts)})


def may_be_undone(attempt: Attempt) -> bool:
    """Whether the attempt has done something that its step says how to undo, or may have."""
    return attempt.step.compensate is not None and (attempt.took_effect or attempt.in_doubt)


def _is_undoable(attempt: Attempt) -> bool:
    return attempt.step.compensate is not None


def _is_finished(state: StepState | None) -> bool:
    return state is not None and state.status is StepStatus.FINISHED


def took_effect_s(attempt: Attempt) -> float:
    """When its effect was allowed to be out. Of those of one moment the one that was dispatched last is the last."""
    return max(attempt.ended_s or 0.0, attempt.confirmed_s or 0.0)
