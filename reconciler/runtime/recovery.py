"""Replays the recorded events of a run after a restart and says how to go on. Pure: no clock, no I/O."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from planners.agents import Effect
from planners.model import AttemptId
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.attempts import Attempt
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.quorums import awaits
from reconciler.state.run import RunState
from reconciler.state.waits import heartbeat_limit_s

_RESTARTED = "the service was restarted while it ran"


@dataclass(frozen=True, slots=True)
class Recovery:
    """How a replayed run goes on.

    ``outputs`` are the inline outputs of finished attempts; a large one was lost with the process that held it, unless
    it is among those that are ``stored``. ``staged`` is what attempts have staged and what is not known to be out, with
    their orders. ``events`` tell the run what the restart did, ``commands`` are carried out again: promotions too,
    under the same idempotency key. ``at_s`` is the moment of the last recorded event. ``lost_effects`` is set when a
    staged output may or may not be out and the journal does not hold it, because an earlier version wrote it.
    """

    at_s: float
    outputs: dict[AttemptId, JsonValue]
    stored: tuple[AttemptId, ...]
    staged: tuple[tuple[c.Dispatch, Mapping[str, bytes]], ...]
    events: tuple[e.Event, ...]
    commands: tuple[c.Command, ...]
    lost_effects: Failure | None = None


def recover(
    run: RunState,
    past: Iterable[e.Event],
    promoted: frozenset[AttemptId] = frozenset(),
    staged: Mapping[AttemptId, Mapping[str, bytes]] | None = None,
) -> Recovery | None:
    """Replay recorded events on a new run. None when nothing was recorded: the run starts from the beginning.

    Args:
        run: as it was created.
        past: its recorded events, in order.
        promoted: attempts whose staged output is known to be out.
        staged: what finished attempts have staged and what is not known to be out.
    """
    staged = staged or {}
    commands = [command for event in past for command in run.handle(event)]
    if not commands:
        return None
    handoffs = {a.id: a.handoff for a in run.attempts.values() if a.finished and a.handoff}
    return Recovery(
        at_s=run.at_s,
        outputs={attempt: handoff.output for attempt, handoff in handoffs.items() if not handoff.by_reference},
        stored=tuple(attempt for attempt, handoff in handoffs.items() if handoff.stored),
        staged=tuple(
            (command, staged[command.attempt])
            for command in commands
            if isinstance(command, c.Dispatch) and command.attempt in staged
        ),
        events=(*_lost_outputs(run, staged), *_lost_attempts(run)),
        commands=_again(run, commands, staged),
        lost_effects=_lost_effects(run, commands, promoted.union(staged)),
    )


def _lost_outputs(run: RunState, staged: Collection[AttemptId]) -> tuple[e.Event, ...]:
    """What the process held: large outputs, and what guesses had staged where the journal does not hold it."""
    finished = (attempt for attempt in run.attempts.values() if attempt.finished)
    lost = tuple(attempt.id for attempt in finished if _went_with_it(run, attempt, staged))
    reason = "its output was lost when the service was restarted"
    return (e.OutputsLost(at_s=run.at_s, attempts=lost, reason=reason),) if lost else ()


def _went_with_it(run: RunState, attempt: Attempt, staged: Collection[AttemptId]) -> bool:
    unusable = attempt.unconfirmed and attempt.id not in staged and run.agent_of(attempt).effect is Effect.STAGEABLE
    return unusable or (attempt.handoff is not None and attempt.handoff.fleeting)


def _lost_attempts(run: RunState) -> tuple[e.Event, ...]:
    """What ran died with its process."""
    failure = Failure(kind=FailureKind.WORKER_LOST, message=_RESTARTED, counts=False)
    live = [one.id for one in run.attempts.values() if one.live and not run.agent_of(one).built_in]
    lost = [e.AttemptFailed(at_s=run.at_s, attempt=attempt, failure=failure) for attempt in live]
    # Heartbeats cannot come while the service is down.
    waits = (one for one in run.attempts.values() if one.live and heartbeat_limit_s(one) is not None)
    alive = [e.HeartbeatReceived(at_s=run.at_s, attempt=one.id) for one in waits]
    return (*lost, *alive, e.TimePassed(at_s=run.at_s))


def _again(run: RunState, commands: Sequence[c.Command], staged: Collection[AttemptId]) -> tuple[c.Command, ...]:
    """All alarms; promotions, questions about acts in doubt and quorums, the last request for a plan, if unanswered."""
    promotions = [command for command in commands if isinstance(command, c.Promote) and command.attempt in staged]
    alarms = [command for command in commands if isinstance(command, c.WakeAt)]
    requests = [command for command in commands if isinstance(command, c.RequestPlan)]
    asked = {attempt.id for attempt in run.in_doubt if attempt.verifying}
    questions = [command for command in commands if isinstance(command, c.Verify) and command.attempt in asked]
    open_ = [command for command in commands if isinstance(command, c.EvaluateQuorum) and awaits(run, command)]
    return (*alarms, *promotions, *questions, *open_, *(requests[-1:] if run.replanning else ()))


def _lost_effects(run: RunState, commands: Sequence[c.Command], known: Collection[AttemptId]) -> Failure | None:
    """Staged outputs whose promotion was started, and that are neither out for certain nor in the journal."""
    started = [command.attempt for command in commands if isinstance(command, c.Promote)]
    unknown = [run.attempts[attempt].step.id for attempt in started if attempt not in known]
    if not unknown:
        return None
    names = ", ".join(f"'{step}'" for step in unknown)
    return Failure(
        kind=FailureKind.WORKER_LOST,
        message=f"the service was restarted while the staged output of {names} was being promoted; "
        "it is not known whether it is out",
        fix="check whether it is out, and submit the task again if it is not",
    )
