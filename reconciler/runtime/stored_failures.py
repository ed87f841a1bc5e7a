"""The failed attempts of a run that has ended, from what the journal holds of it. Pure."""

import json
from collections.abc import Iterable

from planners.model import AttemptId
from reconciler.journal.rows import EventRow
from reconciler.state.handoff import Failure, FailureKind
from reconciler.views.models import FailedAttempt, FailuresView, Timeline, TimelineBar
from reconciler.views.projections import MOST_FAILURES

FAILED_EVENTS = ("attempt_failed",)


def stored_failures(timeline: Timeline, rows: Iterable[EventRow]) -> FailuresView:
    """The latest failed attempts.

    Args:
        timeline: of the run.
        rows: its events of the kinds `FAILED_EVENTS`, in order.
    """
    bars = [bar for bar in reversed(timeline.bars) if bar.status in ("failed", "in_doubt")][:MOST_FAILURES]
    wanted = {bar.attempt for bar in bars}
    told: dict[AttemptId, Failure] = {}
    for row in rows:
        data = json.loads(row.text)
        if data["attempt"] in wanted:
            told[AttemptId(data["attempt"])] = Failure.model_validate(data["failure"])
    return FailuresView(task=timeline.task, failures=tuple(_failed(bar, told.get(bar.attempt)) for bar in bars))


def _failed(bar: TimelineBar, told: Failure | None) -> FailedAttempt:
    """What an event tells in full, or else what the timeline keeps of it: a lost node is one event for all attempts."""
    failure = told or bar.failure or Failure(kind=FailureKind.ERROR, message=bar.reason)
    known = {"step": bar.step, "agent": bar.agent, "node": bar.node, "attempt": bar.attempt}
    return FailedAttempt(
        attempt=bar.attempt,
        step=bar.step,
        agent=bar.agent,
        node=bar.node,
        status=bar.status,
        began_s=bar.started_s,
        ended_s=bar.ended_s,
        failure=failure.with_evidence(**known),
    )
