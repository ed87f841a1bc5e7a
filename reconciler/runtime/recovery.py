"""Replays the recorded events of a run after a restart and says how to go on. Pure: no clock, no I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from planners.agents import Effect
from planners.model import AttemptId
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.attempts import Attempt
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run import RunState

_RESTARTED = "the service was restarted while it ran"


@dataclass(frozen=True, slots=True)
class Recovery:
    """How a replayed run goes on.

    ``outputs`` are the inline outputs of finished attempts; a large one was lost with the process that held it.
    ``events`` tell the run what the restart did, ``commands`` are carried out again. ``at_s`` is the moment of the last
    recorded event. ``lost_effects`` is set when a staged output may or may not have been promoted.
    """

    at_s: float
    outputs: dict[AttemptId, JsonValue]
    events: tuple[e.Event, ...]
    commands: tuple[c.Command, ...]
    lost_effects: Failure | None = None


def recover(run: RunState, past: Iterable[e.Event], promoted: frozenset[AttemptId]) -> Recovery | None:
    """Replay recorded events on a new run. None when nothing was recorded: the run starts from the beginning.

    Args:
        run: as it was created.
        past: its recorded events, in order.
        promoted: attempts whose staged output is known to be out.
    """
    commands = [command for event in past for command in run.handle(event)]
    if not commands:
        return None
    handoffs = {a.id: a.handoff for a in run.attempts.values() if a.finished and a.handoff}
    return Recovery(
        at_s=run.at_s,
        outputs={attempt: handoff.output for attempt, handoff in handoffs.items() if not handoff.by_reference},
        events=(*_lost_outputs(run), *_lost_attempts(run)),
        commands=_again(run, commands),
        lost_effects=_lost_effects(run, commands, promoted),
    )


def _lost_outputs(run: RunState) -> tuple[e.Event, ...]:
    """What the process held: large outputs, and outputs staged by attempts that no plan has confirmed."""
    lost = tuple(attempt.id for attempt in run.attempts.values() if attempt.finished and _went_with_it(run, attempt))
    reason = "its output was lost when the service was restarted"
    return (e.OutputsLost(at_s=run.at_s, attempts=lost, reason=reason),) if lost else ()


def _went_with_it(run: RunState, attempt: Attempt) -> bool:
    staged = attempt.unconfirmed and run.agent_of(attempt).effect is Effect.STAGEABLE
    return staged or (attempt.handoff is not None and attempt.handoff.by_reference)


def _lost_attempts(run: RunState) -> tuple[e.Event, ...]:
    """What ran died with its process."""
    failure = Failure(kind=FailureKind.WORKER_LOST, message=_RESTARTED, counts=False)
    live = [attempt.id for attempt in run.attempts.values() if attempt.live]
    lost = [e.AttemptFailed(at_s=run.at_s, attempt=attempt, failure=failure) for attempt in live]
    return (*lost, e.TimePassed(at_s=run.at_s))


def _again(run: RunState, commands: Sequence[c.Command]) -> tuple[c.Command, ...]:
    """All alarms, questions about acts in doubt, and the last request for a plan, if they are still unanswered."""
    alarms = [command for command in commands if isinstance(command, c.WakeAt)]
    requests = [command for command in commands if isinstance(command, c.RequestPlan)]
    asked = {attempt.id for attempt in run.in_doubt if attempt.verifying}
    questions = [command for command in commands if isinstance(command, c.Verify) and command.attempt in asked]
    return (*alarms, *questions, *(requests[-1:] if run.replanning else ()))


def _lost_effects(run: RunState, commands: Sequence[c.Command], promoted: frozenset[AttemptId]) -> Failure | None:
    """Staged outputs whose promotion was started, and that are not known to be out."""
    started = [command.attempt for command in commands if isinstance(command, c.Promote)]
    unknown = [run.attempts[attempt].step.id for attempt in started if attempt not in promoted]
    if not unknown:
        return None
    names = ", ".join(f"'{step}'" for step in unknown)
    return Failure(
        kind=FailureKind.WORKER_LOST,
        message=f"the service was restarted while the staged output of {names} was being promoted; "
        "it is not known whether it is out",
        fix="check whether it is out, and submit the task again if it is not",
    )
