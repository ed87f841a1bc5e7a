"""Projections of a run's state: its view, timeline and plans. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from pydantic import JsonValue

from planners.built_in_names import SHARED
from planners.model import AttemptId, StepId
from planners.similarity import similarity
from planners.tasks import AdmittedTask
from planners.workflow import Skipped
from reconciler.state import accounts
from reconciler.state.attempts import Attempt, AttemptStatus
from reconciler.state.commands import RunStatus
from reconciler.state.fan_out_ends import Completion
from reconciler.state.handoff import Failure
from reconciler.state.outcomes import Verdict
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus
from reconciler.state.waiting import WaitContext
from reconciler.views.limits import limits_view
from reconciler.views.message_notes import message_notes
from reconciler.views.models import (
    FailedAttempt,
    FailuresView,
    PlansView,
    StepCounts,
    TaskPage,
    TaskView,
    Timeline,
    TimelineBar,
    UndoingView,
)
from reconciler.views.open_questions import MOST_REASONS, open_questions, wait_reasons
from reconciler.views.progress import AttemptProgress
from reconciler.views.totals import AttemptTotals

# Failed attempts in the view of failures, each with its traceback.
MOST_FAILURES = 50
_MOST_NAMED = 5
_FAILED = (AttemptStatus.FAILED, AttemptStatus.IN_DOUBT)
_MOST_REFUSALS = 1_000


def _completions(run: RunState) -> Iterator[Completion]:
    """How fan-outs ended, without the nodes that several nodes join."""
    return (one for one in run.facts.completions.values() if not one.fan_out.startswith(SHARED))


class Ending(NamedTuple):
    """How a task ended. ``outputs`` are the values it returns, if it succeeded."""

    status: RunStatus
    failure: Failure | None = None
    outputs: dict[str, JsonValue] | None = None


def task_view(  # noqa: PLR0913 - keywords with defaults
    admitted: AdmittedTask,
    run: RunState,
    *,
    ending: Ending | None = None,
    totals: AttemptTotals | None = None,
    context: WaitContext | None = None,
    notices: tuple[str, ...] = (),
) -> TaskView:
    """The task as it is.

    Args:
        admitted: the task.
        run: its run.
        ending: how the task ended, once its effects and outputs are known; only then its savings are computed.
        totals: sums over the attempts, where they are kept; counted here otherwise.
        context: what the run does not know about waiting.
        notices: what was noticed about its agents.
    """
    totals = totals or AttemptTotals(run.catalog, run.attempts.values())
    # Both take time linear in the steps, and a run is asked for its view often.
    alike, saved = (None, None) if ending is None else (_similarity(run), saved_s(run))
    ending = ending or Ending(run.status, run.end.failure if run.end else None)
    return TaskView(
        id=admitted.id,
        name=admitted.task.name,
        kind=admitted.task.kind,
        mode=admitted.task.planning.mode,
        status=ending.status,
        submitted_at_s=admitted.submitted_at_s,
        labels=admitted.task.labels,
        epoch=run.epoch,
        steps=_counts(run),
        first_dispatch_s=totals.first_dispatch_s,
        speculative_plan_s=run.guess_s,
        optimal_plan_s=run.optimal_plan_s,
        ended_s=run.at_s if run.status.ended else None,
        saved_s=saved,
        hedges=run.late.made,
        **_amounts(totals),
        similarity=alike,
        outputs=ending.outputs,
        failure=ending.failure,
        undoing=_undoing(run),
        given_up=dict(islice(_given_up(run), MOST_REASONS)),
        completions=tuple(islice(_completions(run), MOST_REASONS)),
        notices=notices[:MOST_REASONS],
        **open_questions(run, context),
    )


def _given_up(run: RunState) -> Iterator[tuple[StepId, str]]:
    """What the workflow went on without. What could not be undone is told with the undoing."""
    undoes = run.undoing.made if run.undoing is not None else ()
    return ((step, reason) for step, reason in run.facts.given_up.items() if step not in undoes)


def _undoing(run: RunState) -> UndoingView | None:
    undoing = run.undoing
    if undoing is None:
        return None
    undone = undoing.undone(run.steps)
    names = (run.attempts[attempt].step.id for attempt in undone.values())
    return UndoingView(
        reason=undoing.failure.message,
        left=len(undoing.made.keys() - undone.keys() - undoing.failed.keys()),
        undone=tuple(islice(names, MOST_REASONS)),
        failed=dict(islice(undoing.failed.items(), MOST_REASONS)),
    )


def _amounts(totals: AttemptTotals) -> dict[str, Any]:
    """Seconds, dollars and failures of all attempts."""
    sums = totals.sums
    return {
        "agent_s": sums.agent_s,
        "wasted_s": sums.wasted_s,
        "failed_s": sums.failed_s,
        "failed_attempts": round(sums.failed),
        "usd": sums.usd,
        "wasted_usd": sums.wasted_usd,
    }


def summary_of(view: TaskView) -> TaskView:
    """The view without what takes much room, for lists: no outputs, no tracebacks."""
    return view.model_copy(update={"outputs": None, "failure": view.failure and view.failure.brief()})


def page_of_tasks(views: Sequence[TaskView], *, more: bool) -> TaskPage:
    """A page of a list; ``more``: there are tasks behind it."""
    bare = tuple(summary_of(view) for view in views)
    return TaskPage(tasks=bare, next_before=bare[-1].id if more and bare else None)


def admitted_view(admitted: AdmittedTask) -> TaskView:
    """A task of which nothing is known but that it was admitted."""
    return TaskView(
        id=admitted.id,
        name=admitted.task.name,
        kind=admitted.task.kind,
        mode=admitted.task.planning.mode,
        status=RunStatus.PLANNING,
        submitted_at_s=admitted.submitted_at_s,
        labels=admitted.task.labels,
    )


def saved_s(run: RunState) -> float | None:
    """How much earlier the run ended than its critical path would have, started when the optimal plan was whole.

    The critical path has the seconds that the steps really took and no queueing, so this understates the saving.
    """
    if not run.status.ended or run.plan is None or run.optimal_plan_s is None:
        return None
    seconds = {attempt.step.id: attempt.seconds for attempt in run.progress.usable() if attempt.finished}
    return max(0.0, run.optimal_plan_s + accounts.critical_path_s(run.history.whole(run.plan), seconds) - run.at_s)


def _similarity(run: RunState) -> float | None:
    """Of both plans."""
    if run.guess is None or run.optimal_plan is None:
        return None
    return similarity(run.guess, run.optimal_plan).similarity


def _counts(run: RunState) -> StepCounts:
    if run.plan is None:
        return _counts_of_guess(run)
    steps = run.steps
    finished, in_doubt = steps.count(StepStatus.FINISHED), steps.count(StepStatus.IN_DOUBT)
    skipped = steps.count(StepStatus.SKIPPED)
    running = steps.count(StepStatus.DISPATCHED) + steps.count(StepStatus.RUNNING)
    return StepCounts(
        total=len(steps),
        waiting=len(steps) - finished - running - in_doubt - skipped,
        running=running,
        finished=finished,
        in_doubt=in_doubt,
        skipped=skipped,
    )


def _counts_of_guess(run: RunState) -> StepCounts:
    total = len(run.guess.steps) if run.guess else 0
    usable = run.progress.usable()
    finished = sum(1 for attempt in usable if attempt.finished)
    waiting = max(0, total - len(usable))
    return StepCounts(total=total, waiting=waiting, running=len(usable) - finished, finished=finished)


def timeline(
    run: RunState, context: WaitContext | None = None, progress: Mapping[AttemptId, AttemptProgress] | None = None
) -> Timeline:
    """Every attempt of the run as a bar, and why steps wait; see `task_view`. ``progress``: what attempts have told."""
    told = progress or {}
    return Timeline(
        task=run.id,
        bars=tuple(bar(run, attempt, told.get(attempt.id)) for attempt in run.attempts.values()),
        speculative_plan_s=run.guess_s,
        optimal_plan_s=run.optimal_plan_s,
        ended_s=run.at_s if run.status.ended else None,
        waiting=tuple(wait_reasons(run, context)),
        skipped=tuple(
            Skipped(id=step, reason=state.cause)
            for step, state in run.steps.items()
            if state.status is StepStatus.SKIPPED
        ),
        refusals=tuple(islice(run.refusals(), _MOST_REFUSALS)),
        completions=tuple(_completions(run)),
        messages=message_notes(run),
        limits=limits_view(run),
    )


def bar(run: RunState, attempt: Attempt, progress: AttemptProgress | None = None) -> TimelineBar:
    """One attempt of the run."""
    failure = attempt.failure if attempt.status in _FAILED else None
    return TimelineBar(
        attempt=attempt.id,
        step=attempt.step.id,
        capability=attempt.step.capability,
        agent=attempt.placement.agent,
        node=attempt.placement.node,
        epoch=attempt.epoch,
        speculative=attempt.began_speculative,
        verdict=_verdict(attempt),
        status=attempt.status.value,
        dispatched_s=attempt.dispatched_s,
        started_s=attempt.started_s,
        ended_s=attempt.ended_s,
        usd=accounts.cost_usd(run.catalog.by_name[attempt.placement.agent], attempt),
        title=attempt.step.title,
        reason=_why(attempt) if failure is None else failure.message,
        failure=failure and failure.brief(),
        appraisal=attempt.appraisal,
        hedges=attempt.hedges,
        beside="hedge" if attempt.hedge else "standby" if attempt.standby else None,
        progress=progress,
    )


def _why(attempt: Attempt) -> str:
    handoff = attempt.handoff
    if handoff is not None and handoff.proposal is not None:
        return f"proposed {', '.join(node.id for node in handoff.proposal.steps[:_MOST_NAMED])}"
    if handoff is None or not handoff.cached:
        return attempt.reason
    return "from the result cache" if attempt.step.compact is None else "short enough, or from the result cache"


def failures_view(run: RunState) -> FailuresView:
    """The latest attempts that failed or are in doubt."""
    failed = (attempt for attempt in reversed(list(run.attempts.values())) if attempt.status in _FAILED)
    return FailuresView(task=run.id, failures=tuple(map(_failed_attempt, islice(failed, MOST_FAILURES))))


def _failed_attempt(attempt: Attempt) -> FailedAttempt:
    assert attempt.failure is not None
    return FailedAttempt(
        attempt=attempt.id,
        step=attempt.step.id,
        agent=attempt.placement.agent,
        node=attempt.placement.node,
        status=attempt.status.value,
        began_s=attempt.started_s,
        ended_s=attempt.ended_s,
        failure=attempt.failure,
    )


def _verdict(attempt: Attempt) -> Verdict | None:
    """The verdict that is shown: of a failed attempt nothing was used, although its plan held its work."""
    failed = attempt.status is AttemptStatus.FAILED
    return None if failed and attempt.verdict is not None and attempt.verdict.survives else attempt.verdict


def plans_view(run: RunState) -> PlansView:
    """Both plans, their similarity, and the verdict on every attempt."""
    alike = similarity(run.guess, run.optimal_plan) if run.guess and run.optimal_plan else None
    return PlansView(
        task=run.id,
        speculative=run.guess,
        optimal=run.optimal_plan and run.history.whole(run.optimal_plan),
        similarity=alike.similarity if alike else None,
        step_f1=alike.step_f1 if alike else None,
        edge_f1=alike.edge_f1 if alike else None,
        placement_similarity=alike.placement if alike else None,
        verdicts={
            attempt.id: verdict for attempt in run.attempts.values() if (verdict := _verdict(attempt)) is not None
        },
    )
