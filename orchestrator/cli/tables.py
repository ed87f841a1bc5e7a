"""Tables of runs and plans, which stay readable in a narrow terminal."""

from collections.abc import Iterable, Mapping

from rich.markup import escape

from orchestrator.cli.listing import Listing
from orchestrator.cli.output import coloured, progress_text, seconds
from planners.amounts import dollars
from planners.model import AttemptId, StepId
from planners.plans import Plan
from reconciler.state.commands import RunStatus
from reconciler.views.models import TaskView, Timeline, TimelineBar

# Their values say what they are.
_STATES = ("", "status", "verdict")


def timeline_table(timeline: Timeline, most: int = 40) -> Listing:
    """The latest attempts, at most ``most``."""
    hidden = max(0, len(timeline.bars) - most)
    return attempts_table(timeline.bars[-most:], f"({hidden} earlier attempts not shown)" if hidden else None)


def nothing_begun(view: TaskView) -> str:
    """In place of a table without rows."""
    return "  no step has begun" + (": the plan is being made" if view.status is RunStatus.PLANNING else "")


def attempts_table(bars: Iterable[TimelineBar], title: str | None = None) -> Listing:
    """Attempts, one a row."""
    columns = ["step", "agent", "node", *_STATES, "start s", "took s"]
    return Listing(columns, [_bar(bar) for bar in bars], texts=("status",), unnamed=_STATES, title=title)


def _bar(bar: TimelineBar) -> list[str]:
    speculative = "[magenta]speculative[/]" if bar.speculative and bar.verdict is None else "confirmed"
    if bar.beside is not None:
        speculative = bar.beside
    verdict = coloured(bar.verdict.value) if bar.verdict is not None else ""
    start_s = bar.dispatched_s if bar.started_s is None else bar.started_s
    took_s = None if bar.ended_s is None else bar.ended_s - start_s
    status = coloured(bar.status) + (progress_text(bar) if bar.ended_s is None else "")
    names = escape(bar.step), escape(bar.agent), escape(bar.node[:12])
    return [*names, speculative, status, verdict, seconds(start_s), seconds(took_s)]


def failed_table(timeline: Timeline, told: AttemptId | None, most: int = 10) -> Listing | None:
    """Why attempts failed, the latest ones; None if none did but the one that the failure of the task tells of."""
    failed = [bar for bar in timeline.bars if bar.status == "failed" and bar.failure and bar.attempt != told]
    if not failed:
        return None
    rows = [[escape(bar.step), escape(bar.attempt), escape(bar.failure.told)] for bar in failed[-most:] if bar.failure]
    title = f"({len(failed) - most} earlier failures not shown)" if len(failed) > most else None
    return Listing(["step", "attempt", "failed because"], rows, texts=("failed because",), title=title)


def waiting_table(timeline: Timeline, most: int = 20) -> Listing | None:
    """Why steps wait, at most ``most`` of them; None if none does."""
    rows = [[escape(reason.step), seconds(reason.since_s), escape(reason.message)] for reason in timeline.waiting]
    if not rows:
        return None
    title = f"({len(rows) - most} more waiting steps not shown)" if len(rows) > most else None
    return Listing(["step", "since s", "waits because"], rows[:most], texts=("waits because",), title=title)


def messages_table(timeline: Timeline, most: int = 20) -> Listing | None:
    """The latest messages between agents, at most ``most``; None if there is none."""
    rows = [
        [
            escape(note.id),
            "staged" if note.at_s is None else seconds(note.at_s),
            escape(note.topic or f"reply to {note.reply_to}"),
            str(note.size_bytes),
        ]
        for note in timeline.messages
    ]
    if not rows:
        return None
    title = f"({len(rows) - most} earlier messages not shown)" if len(rows) > most else None
    return Listing(["message", "at s", "topic", "bytes"], rows[-most:], title=title)


def plan_table(plan: Plan, title: str, slack_s: Mapping[StepId, float] | None = None) -> Listing:
    """The steps of a plan with their placements, and with their slack if it is given."""
    slack = [] if slack_s is None else ["slack s"]
    rows = [
        [
            escape(planned.id),
            escape(planned.step.capability),
            escape(planned.placement.agent),
            escape(planned.placement.node[:12]),
            seconds(planned.placement.start_s),
            seconds(planned.placement.end_s),
            dollars(planned.placement.usd),
            f"{planned.probability:.2f}",
            *([] if slack_s is None else [seconds(slack_s.get(planned.id))]),
        ]
        for planned in plan.steps
    ]
    columns = ["step", "capability", "agent", "node", "start s", "end s", "cost $", "probability", *slack]
    return Listing(columns, rows, title=title)
