"""Runs that are made up: how they look at any moment, shown by a server or played."""

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import Any

from page_server import PageServer

from orchestrator.gateway.task_ids import new_task_id
from planners.model import TaskId
from planners.plans import Plan
from planners.similarity import similarity
from planners.tasks import AdmittedTask, Task
from reconciler.gate import Decision
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure
from reconciler.state.outcomes import Verdict
from reconciler.views.logs import LogLevel
from reconciler.views.models import PlansView, StepCounts, TimelineBar

EVIL = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'


@dataclass
class MadeUpRun:
    """How a run ends, from which `at` derives how it looks before."""

    name: str
    guess: Plan
    plan: Plan
    bars: list[TimelineBar]
    plan_s: float
    guess_s: float = 0.011
    failure: Failure | None = None
    refusals: tuple[Decision, ...] = ()
    kind: str = "briefing"
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def end_s(self) -> float:
        return max(bar.ended_s or 0.0 for bar in self.bars)

    def bar_at(self, bar: TimelineBar, at_s: float) -> TimelineBar | None:
        """How an attempt looked at a moment; None before its dispatch."""
        if bar.dispatched_s > at_s:
            return None
        update: dict[str, Any] = {}
        if bar.verdict is not None and at_s < self.plan_s:
            update["verdict"] = None
        if bar.ended_s is not None and bar.ended_s > at_s:
            started = bar.started_s is not None and bar.started_s <= at_s
            update |= {"ended_s": None, "status": "running" if started else "dispatched", "failure": None, "reason": ""}
            update |= {} if started else {"started_s": None}
        return bar.model_copy(update=update)

    def counts(self, at_s: float) -> StepCounts:
        plan = self.plan if at_s >= self.plan_s else self.guess
        used = {
            bar.step
            for bar in self.bars
            if bar.verdict is not Verdict.FLUSH and bar.status == "finished" and (bar.ended_s or 0) <= at_s
        }
        running = {bar.step for bar in self.bars if bar.dispatched_s <= at_s < (bar.ended_s or 0)} - used
        total = len(plan.steps)
        return StepCounts(
            total=total,
            finished=min(total, len(used)),
            running=len(running),
            waiting=max(0, total - len(used) - len(running)),
        )

    def view(self, at_s: float) -> dict[str, Any]:
        """Fields of the task's view at a moment."""
        ended = at_s >= self.end_s
        status = (
            (RunStatus.FAILED if self.failure else RunStatus.SUCCEEDED)
            if ended
            else RunStatus.RUNNING
            if at_s >= self.plan_s
            else RunStatus.PLANNING
        )
        agent_s = sum(
            min(bar.ended_s or 0, at_s) - bar.started_s
            for bar in self.bars
            if bar.started_s is not None and bar.started_s < at_s
        )
        wasted_s = sum(
            (bar.ended_s or 0) - (bar.started_s or 0)
            for bar in self.bars
            if bar.verdict is Verdict.FLUSH and at_s > self.plan_s and bar.started_s
        )
        return {
            "status": status,
            "steps": self.counts(at_s),
            "first_dispatch_s": min(bar.dispatched_s for bar in self.bars),
            "speculative_plan_s": self.guess_s,
            "optimal_plan_s": self.plan_s if at_s >= self.plan_s else None,
            "ended_s": self.end_s if ended else None,
            "saved_s": 1.93 if ended and not self.failure else None,
            "agent_s": agent_s,
            "wasted_s": wasted_s,
            "usd": 0.0213 if at_s > 1 else 0.0,
            "failure": self.failure if ended else None,
            "similarity": similarity(self.guess, self.plan).similarity if ended else None,
            "outputs": self.outputs if ended and not self.failure else None,
        }

    def plans(self, at_s: float, task: TaskId) -> PlansView:
        return PlansView(task=task, speculative=self.guess, optimal=self.plan if at_s >= self.plan_s else None)


async def submitted(server: PageServer, run: MadeUpRun, age_s: float = 0.0) -> TaskId:
    """A task of this run, admitted some seconds ago."""
    now_s = time.time() - age_s
    task = Task.model_validate(
        {
            "name": run.name,
            "kind": run.kind,
            "inputs": {"topic": "spin qubits in germanium"},
            "workflow": {"steps": [{"id": "a", "capability": "search", "inputs": {"topic": "$inputs.topic"}}]},
        }
    )
    admitted = AdmittedTask(id=new_task_id(now_s), task=task, submitted_at_s=now_s)
    return (await server.gateway.submit(admitted)).id


async def shown(server: PageServer, task: TaskId, run: MadeUpRun, at_s: float) -> None:
    """Let the task look as the run does at a moment."""
    bars = [bar for final in run.bars if (bar := run.bar_at(final, at_s)) is not None]
    timeline = {
        "optimal_plan_s": run.plan_s if at_s >= run.plan_s else None,
        "speculative_plan_s": run.guess_s,
        "refusals": run.refusals,
    }
    await server.gateway.show(task, bars, run.plans(at_s, task), timeline, **run.view(at_s))
    done = {bar.step: f"text of {bar.step}. " * 12 for bar in bars if bar.status == "finished"}
    server.gateway._find(task).outputs.update(done)


async def ended(server: PageServer, run: MadeUpRun, age_s: float = 60.0) -> TaskId:
    """A task whose run has ended."""
    task = await submitted(server, run, age_s)
    await shown(server, task, run, run.end_s)
    return task


def logged(server: PageServer, task: TaskId) -> None:
    """Let a task have printed and logged something."""
    lines = (
        ("search[0]", "found 12 pages", LogLevel.INFO),
        ("draft", f"asking the model <b>again</b> {EVIL}", LogLevel.WARNING),
        ("draft", "no text in the answer\nTraceback (most recent call last):\n  KeyError: 'choices'", LogLevel.ERROR),
    )
    for step, text, level in lines:
        server.run(server.gateway.log(task, step, text, level))


async def many(server: PageServer, run: MadeUpRun, count: int) -> None:
    """So many tasks of this run that have ended, one a second."""
    first = server.gateway._find(await ended(server, run, age_s=0.0))
    for number in range(1, count):
        at_s = first.view.submitted_at_s - number
        task = new_task_id(at_s)
        view = first.view.model_copy(update={"id": task, "submitted_at_s": at_s, "name": f"{run.name} {number}"})
        server.gateway._stored[task] = replace(first, view=view)


async def played(server: PageServer, task: TaskId, run: MadeUpRun, *, speed: float = 1.0, tick_s: float = 0.1) -> None:
    """Play a run in real time, so many times as fast; only what has changed is told."""
    began, told, plan_told = time.monotonic(), {}, -1.0
    while True:
        at_s = (time.monotonic() - began) * speed
        bars = [bar for final in run.bars if (bar := run.bar_at(final, at_s)) is not None]
        news = [bar for bar in bars if told.get(bar.attempt) != (bar.status, bar.verdict)]
        told |= {bar.attempt: (bar.status, bar.verdict) for bar in news}
        plans = None
        if (plan_told < 0) or (plan_told < run.plan_s <= at_s):
            plans, plan_told = run.plans(at_s, task), at_s
        await server.gateway.show(
            task, news, plans, {"optimal_plan_s": run.plan_s if at_s >= run.plan_s else None}, **run.view(at_s)
        )
        if at_s >= run.end_s:
            return
        await asyncio.sleep(tick_s)
