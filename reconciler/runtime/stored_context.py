"""The context of a run that has ended, from what the journal holds of it. Pure."""

import json
from collections.abc import Iterable

from planners.model import AttemptId, StepId
from planners.plans import Plan
from reconciler.journal.rows import EventRow
from reconciler.state.handoff import Handoff
from reconciler.views.context import ContextView, Written, context_view
from reconciler.views.models import Timeline

FINISHED_EVENTS = ("attempt_finished",)


def stored_context(timeline: Timeline, plan: Plan | None, rows: Iterable[EventRow]) -> ContextView:
    """The versions of all keys.

    Args:
        timeline: of the run.
        plan: its last optimal plan.
        rows: its events of the kinds `FINISHED_EVENTS`, in order.
    """
    writing = set() if plan is None else {planned.id for planned in plan.steps if planned.step.writes}
    bars = {
        bar.attempt: bar
        for bar in timeline.bars
        if bar.step in writing and bar.status == "finished" and bar.verdict is not None and bar.verdict.survives
    }
    written: dict[StepId, Written] = {}
    for row in rows if bars else ():
        data = json.loads(row.text)
        if (bar := bars.get(AttemptId(data["attempt"]))) is not None:
            handoff = Handoff.model_validate(data["handoff"])
            written[bar.step] = Written(bar.attempt, handoff, bar.ended_s, staged=False)
    return context_view(timeline.task, plan, written, timeline.messages)
