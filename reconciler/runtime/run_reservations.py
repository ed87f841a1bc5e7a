"""Keeps the reservations of one run up to date with its plan and its finished steps."""

from planners.plans import Plan
from reconciler.runtime.ports import Clock
from reconciler.runtime.reservations import Reservations
from reconciler.state import events as e
from reconciler.state.attempts import Attempt
from reconciler.state.outcomes import Verdict
from reconciler.state.run import RunState

_USED = frozenset({Verdict.COMMIT, Verdict.REPARENT, Verdict.KEEP})


class RunReservations:
    """What one run has reserved in its shard."""

    def __init__(self, run: RunState, reservations: Reservations, clock: Clock) -> None:
        self._run = run
        self._reservations = reservations
        self._clock = clock
        self._reserved: Plan | None = None

    def update(self, event: e.Event) -> None:
        """Reserve what a new optimal plan needs over time, and free what a finished step has held."""
        run = self._run
        if run.plan is not None and run.plan is not self._reserved:
            self._reserved = run.plan
            done = {attempt.step.id for attempt in run.attempts.current() if _serves(attempt)}
            self._reservations.reserve(run.id, run.plan, self._clock.monotonic_s() - run.plan.planning_s, done)
        elif isinstance(event, e.AttemptFinished) and _serves(run.attempts.find(event.attempt)):
            self._reservations.finish(run.id, run.attempts[event.attempt].step.id)

    def release(self) -> None:
        """Free everything."""
        self._reservations.release(self._run.id)


def _serves(attempt: Attempt | None) -> bool:
    """Whether a step of the optimal plan is done because of this attempt."""
    return attempt is not None and attempt.finished and attempt.verdict in _USED
