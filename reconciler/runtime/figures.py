"""A shard in numbers, as they are now: what waits and why, what runs, and the state of the journal."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.state.commands import RunStatus
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus
from reconciler.state.waiting import WaitKind

# What a step in each state waits for. The other states wait for nothing.
_WAITS = {
    StepStatus.WAITING: WaitKind.PARENTS,
    StepStatus.READY: WaitKind.PARENTS,
    StepStatus.DISPATCHED: WaitKind.ROOM,
    StepStatus.RETRYING: WaitKind.RETRY,
    StepStatus.BLOCKED: WaitKind.NEW_PLAN,
    StepStatus.IN_DOUBT: WaitKind.RESOLUTION,
}


@dataclass(frozen=True, slots=True)
class JournalFigures:
    """``stalled_s``: for how long a write has been under way; ``waiting``: entries behind it; ``size_bytes``: on disk.

    The size is None while the database does not answer.
    """

    stalled_s: float = 0.0
    waiting: int = 0
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ShardFigures:
    """Tasks that have not ended by status and at most ``most_live``, running attempts, and waiting steps by reason.

    A task without a plan counts as one waiting step.
    """

    tasks: Mapping[RunStatus, int] = field(default_factory=dict)
    most_live: int = 0
    attempts_running: int = 0
    steps_waiting: Mapping[WaitKind, int] = field(default_factory=dict)
    journal: JournalFigures = JournalFigures()


def shard_figures(
    runs: Iterable[RunState], most_live: int, journal: JournalFigures, *, parked: int = 0
) -> ShardFigures:
    """The figures of a shard that drives these runs. Its cost grows with runs and live attempts, not with steps.

    ``parked`` runs wait, each for an answer or a moment.
    """
    tasks, waiting, running = Counter[RunStatus](), Counter[WaitKind](), 0
    if parked:
        tasks[RunStatus.RUNNING] = waiting[WaitKind.ANSWER] = parked
    for run in runs:
        tasks[RunStatus.RUNNING if run.status.ended else run.status] += 1
        running += sum(run.attempts[attempt].started_s is not None for attempt in run.attempts.live)
        if run.plan is None:
            waiting[WaitKind.PLAN] += 1
            continue
        waiting[WaitKind.LIST] += len(run.plan.pending)
        for status, reason in _WAITS.items():
            waiting[reason] += run.steps.count(status)
    return ShardFigures(tasks, most_live, running, waiting, journal)
