"""Projections of a run's state: its view, timeline and plans. Pure."""

from collections.abc import Mapping
from typing import Any

from planners.similarity import similarity
from planners.tasks import AdmittedTask
from reconciler.state import accounts
from reconciler.state.attempts import Attempt, AttemptStatus
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure
from reconciler.state.run import RunState
from reconciler.views.models import PlansView, StepCounts, TaskView, Timeline, TimelineBar


def task_view(
    admitted: AdmittedTask,
    run: RunState,
    outputs: Mapping[str, Any] | None = None,
    failure: Failure | None = None,
    status: RunStatus | None = None,
) -> TaskView:
    """The task as it is.

    Args:
        admitted: the task.
        run: its run.
        outputs: the values it returns, once it has succeeded.
        failure: why it failed, where that is not the run's own failure.
        status: how it ended, where that is not the run's own status.
    """
    attempts = run.attempts.values()
    wasted = accounts.wasted(attempts)
    return TaskView(
        id=admitted.id,
        name=admitted.task.name,
        kind=admitted.task.kind,
        mode=admitted.task.planning.mode,
        status=status or run.status,
        submitted_at_s=admitted.submitted_at_s,
        epoch=run.epoch,
        steps=_counts(run),
        first_dispatch_s=min((attempt.dispatched_s for attempt in attempts), default=None),
        speculative_plan_s=run.guess_s,
        optimal_plan_s=run.optimal_plan_s,
        ended_s=run.at_s if run.status.ended else None,
        saved_s=saved_s(run),
        agent_s=sum(attempt.seconds for attempt in attempts),
        wasted_s=sum(attempt.seconds for attempt in wasted),
        usd=accounts.usd(run.catalog, attempts),
        wasted_usd=accounts.usd(run.catalog, wasted),
        outputs=dict(outputs) if outputs is not None else None,
        failure=failure or (run.end.failure if run.end else None),
    )


def admitted_view(admitted: AdmittedTask) -> TaskView:
    """A task of which nothing is known but that it was admitted."""
    return TaskView(
        id=admitted.id,
        name=admitted.task.name,
        kind=admitted.task.kind,
        mode=admitted.task.planning.mode,
        status=RunStatus.PLANNING,
        submitted_at_s=admitted.submitted_at_s,
    )


def saved_s(run: RunState) -> float | None:
    """How much earlier the run ended than its critical path would have, started when the optimal plan was whole.

    The critical path has the seconds that the steps really took and no queueing, so this understates the saving.
    """
    if not run.status.ended or run.plan is None or run.optimal_plan_s is None:
        return None
    seconds = {attempt.step.id: attempt.seconds for attempt in run.progress.usable() if attempt.finished}
    return max(0.0, run.optimal_plan_s + accounts.critical_path_s(run.plan, seconds) - run.at_s)


def _counts(run: RunState) -> StepCounts:
    total = len(run.plan.steps) if run.plan else len(run.guess.steps) if run.guess else 0
    confirmed = [attempt for attempt in run.attempts.values() if attempt.usable]
    finished = sum(1 for attempt in confirmed if attempt.finished)
    running = sum(1 for attempt in confirmed if attempt.live)
    waiting = max(0, total - finished - running)
    return StepCounts(total=total, waiting=waiting, running=running, finished=finished)


def timeline(run: RunState) -> Timeline:
    """Every attempt of the run as a bar."""
    return Timeline(
        task=run.id,
        bars=tuple(_bar(run, attempt) for attempt in run.attempts.values()),
        speculative_plan_s=run.guess_s,
        optimal_plan_s=run.optimal_plan_s,
        ended_s=run.at_s if run.status.ended else None,
    )


def _bar(run: RunState, attempt: Attempt) -> TimelineBar:
    reason = attempt.failure.message if attempt.status is AttemptStatus.FAILED and attempt.failure else attempt.reason
    return TimelineBar(
        attempt=attempt.id,
        step=attempt.step.id,
        capability=attempt.step.capability,
        agent=attempt.placement.agent,
        node=attempt.placement.node,
        epoch=attempt.epoch,
        speculative=attempt.began_speculative,
        verdict=attempt.verdict,
        status=attempt.status.value,
        dispatched_s=attempt.dispatched_s,
        started_s=attempt.started_s,
        ended_s=attempt.ended_s,
        usd=accounts.cost_usd(run.catalog.by_name[attempt.placement.agent], attempt),
        title=attempt.step.title,
        reason=reason,
    )


def plans_view(run: RunState) -> PlansView:
    """Both plans, their similarity, and the verdict on every attempt."""
    alike = similarity(run.guess, run.optimal_plan) if run.guess and run.optimal_plan else None
    return PlansView(
        task=run.id,
        speculative=run.guess,
        optimal=run.optimal_plan,
        similarity=alike.similarity if alike else None,
        step_f1=alike.step_f1 if alike else None,
        edge_f1=alike.edge_f1 if alike else None,
        placement_similarity=alike.placement if alike else None,
        verdicts={attempt.id: attempt.verdict for attempt in run.attempts.values() if attempt.verdict is not None},
    )
