"""A run that is not being driven: the same questions as `LiveRun`, answered from the journal."""

import asyncio
import json
from typing import Any

from pydantic import JsonValue

from planners.model import NodeId, StepId
from planners.plans import Plan
from planners.tasks import Task
from reconciler.errors import NotAsked, NotInDoubt, OutputNotReady
from reconciler.journal.log_rows import LogReader
from reconciler.journal.protocol import RunJournal
from reconciler.journal.rows import PAGE_EVENTS, page_of
from reconciler.runtime.step_output import attempt_with_output, unknown_step
from reconciler.runtime.stored_context import FINISHED_EVENTS, stored_context
from reconciler.runtime.stored_failures import FAILED_EVENTS, stored_failures
from reconciler.state.commands import RunStatus
from reconciler.state.events import LimitsAnswered, StepAnswered
from reconciler.views.context import ContextView
from reconciler.views.graph import Chances, RunGraph, run_graph
from reconciler.views.logs import LogPage, LogQuery
from reconciler.views.models import Changes, EventPage, FailuresView, PlansView, TaskView, Timeline
from reconciler.views.step_notes import notes_in
from reconciler.views.step_view import StepView, step_view, steps_known

_LOOK_S = 1.0
_GONE = "its output was large and was deleted with the run; name it in workflow.outputs to have it returned"


class EndedRun:
    """A run that has ended, or that another process drives. The journal is read in threads."""

    def __init__(self, view: TaskView, journal: RunJournal) -> None:
        self._view = view
        self._journal = journal

    @property
    def status(self) -> RunStatus:
        """Its status."""
        return self._view.status

    async def view(self) -> TaskView:
        """The task as it ended."""
        return self._view

    async def wait(self, wait_s: float) -> TaskView | None:
        """The task as it ended; None if it has not."""
        await self._pause(wait_s)
        return self._view if self.status.ended else None

    async def _pause(self, wait_s: float) -> None:
        """Nobody tells this process what another one does: whoever waits looks again, but not without a pause."""
        if not self.status.ended:
            await asyncio.sleep(min(wait_s, _LOOK_S))

    async def events(self, after: int, wait_s: float) -> EventPage:
        """A page of events after a sequence number."""
        await self._pause(wait_s)
        rows = await asyncio.to_thread(self._journal.event_rows, self._view.id, after, limit=PAGE_EVENTS + 1)
        return await page_of(rows, ended=self.status.ended)

    async def logs(self, query: LogQuery, wait_s: float) -> LogPage:
        """What its attempts have printed and logged."""
        await self._pause(wait_s)
        return await asyncio.to_thread(self._stored_logs, query)

    def _stored_logs(self, query: LogQuery) -> LogPage:
        steps = {bar.attempt: bar.step for bar in self._journal.timeline(self._view.id).bars}
        return LogReader(self._journal, self._view.id, steps.get).page(query, ended=self.status.ended)

    async def plans(self) -> PlansView:
        """Both plans and the verdicts."""
        return await asyncio.to_thread(self._journal.plans_of, self._view.id)

    async def timeline(self) -> Timeline:
        """All attempts."""
        return await asyncio.to_thread(self._journal.timeline, self._view.id)

    async def failures(self) -> FailuresView:
        """The latest attempts that failed or were left in doubt."""
        timeline = await self.timeline()
        return await asyncio.to_thread(
            lambda: stored_failures(timeline, self._journal.event_rows(self._view.id, kinds=FAILED_EVENTS))
        )

    async def context(self) -> ContextView:
        """What its steps have written to the context."""
        timeline, plan = await self.timeline(), (await self.plans()).optimal
        return await asyncio.to_thread(
            lambda: stored_context(timeline, plan, self._journal.event_rows(self._view.id, kinds=FINISHED_EVENTS))
        )

    async def planned(self) -> tuple[Task, Plan] | None:
        """The task and its plan, or the guess if there was none."""
        plans, admitted = await self.plans(), await asyncio.to_thread(self._journal.admitted, self._view.id)
        plan = plans.optimal or plans.speculative
        return None if admitted is None or plan is None else (admitted.task, plan)

    async def graph(self, chances: Chances) -> RunGraph:
        """Both plans as one graph."""
        plans = await self.plans()
        return await asyncio.to_thread(self._graph, plans, chances)

    def _graph(self, plans: PlansView, chances: Chances) -> RunGraph:
        admitted, plan = self._journal.admitted(self._view.id), plans.optimal or plans.speculative
        routes = () if admitted is None or plan is None else chances(admitted.task, plan)
        return run_graph(self._view.id, plans.speculative, plans.optimal, routes)

    async def step(self, step: StepId) -> StepView:
        """One step.

        Raises:
            UnknownStep: the task has no such step.
        """
        plans, timeline = await self.plans(), await self.timeline()
        admitted = await asyncio.to_thread(self._journal.admitted, self._view.id)
        values = admitted.task.values if admitted is not None else {}
        found = await asyncio.to_thread(step_view, step, plans, timeline, values)
        if found is None:
            known = steps_known(timeline, plans.optimal, plans.speculative)
            raise unknown_step(step, self._view.id, known)
        return found

    async def changes(self, after: int, wait_s: float) -> Changes:
        """Everything, unless the caller has seen the last fact; nothing will follow."""
        await self._pause(wait_s)
        seq = await asyncio.to_thread(self._journal.last_seq, self._view.id)
        timeline = await self.timeline() if seq > after else Timeline(task=self._view.id, bars=())
        return Changes(
            seq=seq,
            planned_seq=seq,
            at_s=self._view.ended_s or 0.0,
            view=self._view,
            bars=timeline.bars,
            steps=notes_in(timeline),
            ended=True,
        )

    async def output(self, step: StepId) -> Any:
        """The output of a finished step.

        Raises:
            UnknownStep: the task has no such step.
            OutputNotReady: it has not finished, or its output was too large to be kept.
        """
        attempt = attempt_with_output(step, await self.timeline(), (await self.plans()).optimal)
        return await asyncio.to_thread(self._stored_output, step, attempt)

    def _stored_output(self, step: StepId, attempt: str) -> Any:
        for row in self._journal.event_rows(self._view.id, kinds=("attempt_finished",)):
            if attempt in row.text and (data := json.loads(row.text))["attempt"] == attempt:
                if data["handoff"]["by_reference"]:
                    break
                return data["handoff"]["output"]
        if self._view.outputs and step in self._view.outputs:
            return self._view.outputs[step]
        raise OutputNotReady(f"step '{step}' has finished, but {_GONE}", "step")

    async def resolve(self, step: StepId, output: JsonValue, *, happened: bool, by: str) -> None:
        """Refuse: it has ended.

        Raises:
            NotInDoubt: always.
        """
        raise NotInDoubt("the task has ended, so nothing waits for an answer", "step")

    async def answer(self, step: StepId, answer: StepAnswered) -> None:
        """Refuse: it has ended.

        Raises:
            NotAsked: always.
        """
        raise NotAsked("the task has ended, so nothing waits for an answer", "step")

    async def heartbeat(self, step: StepId) -> bool:
        """Refuse: it has ended.

        Raises:
            NotAsked: always.
        """
        raise NotAsked("the task has ended, so nothing waits for heartbeats", "step")

    async def answer_limits(self, answer: LimitsAnswered) -> None:
        """Refuse: it has ended.

        Raises:
            NotAsked: always.
        """
        raise NotAsked("the task has ended, so its limits no longer count", "id")

    def cancel(self, reason: str) -> None:
        """Do nothing: it has ended."""

    def node_lost(self, node: NodeId) -> None:
        """Do nothing: it has ended."""
