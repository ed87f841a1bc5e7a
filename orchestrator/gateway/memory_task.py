"""What the gateway in memory stores of one task."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from planners.model import AttemptId, StepId
from planners.speculative.plan_advice import PlanAdvice
from planners.speculative.route_chances import RouteChances
from planners.tasks import AdmittedTask
from reconciler.errors import NotAsked, NotInDoubt
from reconciler.state.waiting import WaitKind, WaitReason
from reconciler.views.context import ContextView
from reconciler.views.graph import RunGraph, run_graph
from reconciler.views.logs import LogLine
from reconciler.views.models import (
    Doubt,
    EncodedEvent,
    FailedAttempt,
    FailuresView,
    PlansView,
    StepNote,
    TaskView,
    Timeline,
    TimelineBar,
)
from reconciler.views.step_notes import notes_in


@dataclass
class StoredTask:
    """A task as its owner has told it. ``bars``: each attempt, and the number of the change that it came with."""

    admitted: AdmittedTask
    view: TaskView
    events: list[EncodedEvent] = field(default_factory=list)
    outputs: dict[StepId, JsonValue] = field(default_factory=dict)
    lines: list[LogLine] = field(default_factory=list)
    plans: PlansView | None = None
    timeline: Timeline | None = None
    context: ContextView | None = None
    routes: tuple[RouteChances, ...] = ()
    advice: PlanAdvice = field(default_factory=PlanAdvice)
    bars: dict[AttemptId, tuple[int, TimelineBar]] = field(default_factory=dict)
    seq: int = 0
    planned_seq: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def age_s(self) -> float:
        """Seconds since it was submitted."""
        return max(0.0, time.time() - self.admitted.submitted_at_s)

    async def until(self, holds: Callable[[], bool], wait_s: float) -> None:
        """Return once something holds, or after ``wait_s``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s), self.changed:
                await self.changed.wait_for(holds)

    def waits_without(self, step: StepId) -> tuple[WaitReason, ...]:
        """Why steps wait apart from one. Raises `NotAsked` unless that one waits for an answer."""
        others = tuple(
            reason for reason in self.view.waiting if reason.step != step or reason.kind is not WaitKind.ANSWER
        )
        if others == self.view.waiting:
            raise NotAsked(f"step '{step}' does not wait for an answer", "step", "`forerun show` names those that do")
        return others

    def doubts_without(self, step: StepId) -> tuple[Doubt, ...]:
        """What is in doubt apart from a step. Raises `NotInDoubt` where that is everything."""
        others = tuple(doubt for doubt in self.view.in_doubt if doubt.step != step)
        if others == self.view.in_doubt:
            raise NotInDoubt(f"step '{step}' is not in doubt", "step", "`forerun show` names the steps in doubt")
        return others

    def shown(self, view: type) -> Any:
        """A view of it."""
        task = self.view.id
        plans = self.plans or PlansView(task=task)
        views: dict[type, Callable[[], Any]] = {
            TaskView: lambda: self.view,
            PlansView: lambda: plans,
            RunGraph: lambda: run_graph(task, plans.speculative, plans.optimal, self.routes),
            Timeline: self.shown_timeline,
            FailuresView: self.shown_failures,
            ContextView: lambda: self.context or ContextView(task=task),
            PlanAdvice: lambda: self.advice,
        }
        return views[view]()

    def shown_timeline(self) -> Timeline:
        """The timeline with the attempts as they are now."""
        timeline = self.timeline or Timeline(task=self.view.id, bars=())
        return timeline.model_copy(update={"bars": tuple(bar for _, bar in self.bars.values())})

    def shown_notes(self) -> tuple[StepNote, ...]:
        """The states of steps that no attempt shows."""
        return notes_in(self.shown_timeline())

    def shown_failures(self) -> FailuresView:
        """The attempts that have failed."""
        failed = [
            FailedAttempt(
                attempt=bar.attempt,
                step=bar.step,
                agent=bar.agent,
                node=bar.node,
                status=bar.status,
                began_s=bar.started_s,
                ended_s=bar.ended_s,
                failure=bar.failure,
            )
            for _, bar in self.bars.values()
            if bar.failure is not None
        ]
        return FailuresView(task=self.view.id, failures=tuple(reversed(failed)))
