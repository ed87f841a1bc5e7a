"""A run that is being driven: the same questions as `EndedRun`, answered from memory."""

import asyncio
from collections.abc import Callable
from itertools import islice
from typing import Any, TypeVar

from pydantic import JsonValue

from planners.model import AttemptId, NodeId, StepId
from planners.plans import Plan
from planners.tasks import Task
from reconciler.errors import NotAsked, NotInDoubt, OutputNotReady
from reconciler.runtime.driver import Driver
from reconciler.runtime.limit_answers import check_limits_answer
from reconciler.runtime.ports import Executor
from reconciler.runtime.step_answers import answer_of, heartbeat_of
from reconciler.runtime.step_output import attempt_with_output, held_output, unknown_step
from reconciler.state.attempts import AttemptStatus
from reconciler.state.commands import OutputOf, RunStatus
from reconciler.state.events import (
    CancelRequested,
    DoubtResolved,
    HeartbeatReceived,
    LimitsAnswered,
    NodeLost,
    StepAnswered,
)
from reconciler.state.run import RunState
from reconciler.state.waiting import DispatchWait, WaitContext
from reconciler.views.context import ContextView, context_of
from reconciler.views.graph import Chances, RunGraph, run_graph
from reconciler.views.logs import LogPage, LogQuery
from reconciler.views.models import (
    Changes,
    EventPage,
    FailuresView,
    PlansView,
    StepNote,
    TaskFilter,
    TaskView,
    Timeline,
    TimelineBar,
)
from reconciler.views.projections import admitted_view, bar, failures_view, plans_view, timeline
from reconciler.views.step_notes import step_notes
from reconciler.views.step_view import StepView, step_view, steps_known

_LOST = "it is made again if a step still needs it; ask again when the task has ended"
# Of runs with more attempts than this, timelines and plans are computed in a thread.
_LARGE = 200
_MOST_WAITS = 200
_Result = TypeVar("_Result")


class LiveRun:
    """A run that is being driven by ``driver`` in the asyncio task ``running``. ``asked_s``: when it was last asked."""

    def __init__(self, driver: Driver, executor: Executor, running: asyncio.Task[TaskView | None]) -> None:
        self.running = running
        self._driver = self.driver = driver
        self._executor = executor
        self.asked_s = driver.now_s

    @property
    def idle_s(self) -> float:
        """For how long nothing has happened, and nobody has asked."""
        return self.driver.now_s - max(self.asked_s, self.driver.run.at_s)

    @property
    def status(self) -> RunStatus:
        """Its status."""
        return self._driver.status

    @property
    def state(self) -> RunState:
        """The state machine; only to be read."""
        return self._driver.run

    def is_described_by(self, where: TaskFilter) -> bool:
        """Whether its task has the text and the labels of a filter."""
        return where.describes(admitted_view(self._driver.admitted))

    async def view(self) -> TaskView:
        """The task as it is now."""
        await self._driver.settled()
        return self._driver.view()

    async def wait(self, wait_s: float) -> TaskView | None:
        """Return when the run has ended, or after ``wait_s``: the task as it ended; None if it has not, or not here."""
        await asyncio.wait([self.running], timeout=wait_s)
        ended = self.running.done() and not self.running.cancelled() and self.running.exception() is None
        return self.running.result() if ended else None

    async def events(self, after: int, wait_s: float) -> EventPage:
        """A page of events after a sequence number; waits up to ``wait_s`` for the first."""
        return await self._driver.log.page(after, wait_s)

    async def logs(self, query: LogQuery, wait_s: float) -> LogPage:
        """What its attempts have printed and logged; waits up to ``wait_s`` for the first line."""
        return await self._driver.log.output.page(query, self._step_of, wait_s)

    def _step_of(self, attempt: AttemptId) -> StepId | None:
        known = self._driver.run.attempts.find(attempt)
        return None if known is None else known.step.id

    async def plans(self) -> PlansView:
        """Both plans and the verdicts."""
        return await self._projected(plans_view)

    async def timeline(self) -> Timeline:
        """All attempts."""
        context, progress = WaitContext(self._driver.now_s, self._dispatch_waits().get), self._driver.log.progress
        return await self._projected(lambda run: timeline(run, context, progress))

    async def failures(self) -> FailuresView:
        """The latest attempts that failed or are in doubt."""
        return await self._projected(failures_view)

    async def context(self) -> ContextView:
        """What its steps have written to the context."""
        return await self._projected(context_of)

    async def planned(self) -> tuple[Task, Plan] | None:
        """The task and its plan, or the guess while there is none."""
        run = self._driver.run
        plan = run.whole_plan or run.guess
        return None if plan is None else (run.task, plan)

    async def graph(self, chances: Chances) -> RunGraph:
        """Both plans as one graph, as far as the optimal plan has arrived."""

        def project(run: RunState) -> RunGraph:
            plan = run.whole_plan or run.guess
            routes = () if plan is None else chances(run.task, plan)
            return run_graph(run.id, run.guess, run.whole_plan, routes)

        return await self._projected(project)

    async def step(self, step: StepId) -> StepView:
        """One step.

        Raises:
            UnknownStep: the task has no such step.
        """
        values, attempts = self._driver.run.task.values, await self.timeline()

        def project(run: RunState) -> StepView | None:
            plans = plans_view(run).model_copy(update={"optimal": run.whole_plan})
            return step_view(step, plans, attempts, values, lambda other: held_output(run, other))

        found = await self._projected(project)
        if found is None:
            known = steps_known(attempts, self._driver.run.whole_plan, self._driver.run.guess)
            raise unknown_step(step, self._driver.run.id, known)
        return found

    async def changes(self, after: int, wait_s: float) -> Changes:
        """What facts after a sequence number have changed; waits up to ``wait_s`` for the first.

        A run that ends meanwhile answers once its end is recorded, so that the next question reaches `EndedRun`.
        """
        log = self._driver.log
        seq = await log.news(after, wait_s)
        if log.ended:
            await asyncio.wait([self.running])
        await self._driver.settled()
        known, moved = log.changed_since(after), log.changed_steps_since(after)
        changed = list(self._driver.run.attempts) if known is None else known

        def project(run: RunState) -> tuple[tuple[TimelineBar, ...], tuple[StepNote, ...]]:
            bars = tuple(bar(run, run.attempts[attempt], log.progress.get(attempt)) for attempt in changed)
            return bars, step_notes(run, moved)

        planned_seq, view = log.planned_seq, self._driver.view()
        bars, steps = await self._projected(project, None if moved is None else len(changed) + len(moved))
        return Changes(seq=seq, planned_seq=planned_seq, at_s=self._driver.now_s, view=view, bars=bars, steps=steps)

    async def output(self, step: StepId) -> Any:
        """The output of a finished step.

        Raises:
            UnknownStep: the task has no such step.
            OutputNotReady: it has not finished, or its output was lost.
        """
        attempt = attempt_with_output(step, await self.timeline(), self._driver.run.whole_plan)
        try:
            return await self._executor.value(self._driver.admitted.id, OutputOf(attempt=attempt))
        except LookupError:
            raise OutputNotReady(f"step '{step}' has finished, but its output was lost", "step", _LOST) from None

    async def resolve(self, step: StepId, output: JsonValue, *, happened: bool, by: str) -> None:
        """Answer whether the irreversible attempt of a step has acted. Returns once the answer is durable.

        Raises:
            UnknownStep: the task has no such step.
            NotInDoubt: nothing about the step is in doubt.
        """
        await self._driver.settled()
        run = self._driver.run
        attempt = run.doubt_about(step)
        if attempt is None:
            if step not in run.steps:
                raise unknown_step(step, run.id, run.steps)
            raise NotInDoubt(
                f"nothing about step '{step}' is in doubt", "step", "`forerun show` the task: in_doubt names the steps"
            )
        told = DoubtResolved(at_s=0, attempt=attempt, happened=happened, output=output, by=by)
        if not await self._driver.told(told):
            raise NotInDoubt("somebody else has answered, or the task has ended", "step")

    async def answer(self, step: StepId, answer: StepAnswered) -> None:
        """Answer a step that waits for somebody, or a callback that will. Returns once the answer is durable.

        ``answer.attempt`` is ignored.

        Raises:
            UnknownStep: the task has no such step.
            NotAsked: the step does not wait for an answer.
            InvalidAnswer: a callback cannot take it.
        """
        await self._driver.settled()
        told = answer_of(self._driver.run, step, answer)
        if not await self._driver.told(told):
            raise NotAsked("somebody else has answered, or the task has ended", "step")

    async def heartbeat(self, step: StepId) -> bool:
        """The outside system for which a callback waits is still at work; whether the callback waits by now.

        Raises:
            UnknownStep: the task has no such step.
            NotAsked: the step is no callback, or does not wait any more.
        """
        await self._driver.settled()
        attempt = heartbeat_of(self._driver.run, step, self._driver.now_s)
        if attempt is not None and attempt.news:
            self._driver.post(HeartbeatReceived(at_s=0, attempt=attempt.attempt))
        return attempt is not None

    async def answer_limits(self, answer: LimitsAnswered) -> None:
        """Raise limits of the task, or say how it ends at one. Returns once that is durable.

        Raises:
            NotAsked: the task ends already, or does not ask.
            InvalidLimits: the answer does not raise a limit that the task has.
        """
        await self._driver.settled()
        check_limits_answer(self._driver.run, answer, self._driver.now_s)
        if not await self._driver.told(answer.model_copy(update={"replans": True})):
            raise NotAsked("somebody else has answered, or the task has ended", "id", "GET the task, and try again")

    def cancel(self, reason: str) -> None:
        """Ask the run to end."""
        self._driver.post(CancelRequested(at_s=0, reason=reason))

    def node_lost(self, node: NodeId) -> None:
        """Tell the run that a node has left the cluster."""
        self._driver.post(NodeLost(at_s=0, node=node))

    def _dispatch_waits(self) -> dict[AttemptId, DispatchWait]:
        """Why attempts have not begun, for the first of them: the timeline may be computed in a thread."""
        run = self._driver.run
        queued = (a for a in run.attempts.live if run.attempts[a].status is AttemptStatus.DISPATCHED)
        waits = ((attempt, self._driver.dispatch_wait(attempt)) for attempt in islice(queued, _MOST_WAITS))
        return {attempt: wait for attempt, wait in waits if wait is not None}

    async def _projected(self, project: Callable[[RunState], _Result], size: int | None = None) -> _Result:
        """A projection of the run, off the event loop if it is long. ``size``: of how many attempts or steps."""
        await self._driver.settled()
        run = self._driver.run
        if (_size(run) if size is None else size) <= _LARGE:
            return project(run)
        # The event loop goes on changing the run.
        return await asyncio.to_thread(project, run.snapshot())


def _size(run: RunState) -> int:
    """The attempts of a run, or the steps of its longer plan."""
    return max(len(run.attempts), *(len(plan.steps) for plan in (run.guess, run.plan) if plan is not None), 0)
