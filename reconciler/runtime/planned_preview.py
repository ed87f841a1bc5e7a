"""Both plans of a task, made without running it, and advice about the plan of one that runs."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

from planners.plans import Plan
from planners.requests import PlanRequest
from planners.speculative.plan_advice import PlanAdvice
from planners.tasks import Task
from reconciler.runtime.ports import Ports


@dataclass(frozen=True, slots=True)
class PlannedPreview:
    """Both plans of a task that was not run, the seconds each took to make, and advice about the optimal one."""

    guess: Plan | None
    guess_s: float
    plan: Plan
    plan_s: float
    advice: PlanAdvice = field(default_factory=PlanAdvice)


async def planned_preview(request: PlanRequest, ports: Ports, planning_thread: Executor) -> PlannedPreview:
    """Make both plans; the guess is made in the thread.

    Raises:
        PlanningError: no plan can be made.
    """
    clock, loop = ports.clock, asyncio.get_running_loop()
    asked_s = clock.monotonic_s()
    guess = await loop.run_in_executor(planning_thread, next, ports.planning.guesses(request), None)
    guessed_s = clock.monotonic_s()
    plans = [plan async for plan in ports.planning.plan(request.model_copy(update={"hint": guess}))]
    plan_s = clock.monotonic_s() - guessed_s
    advice = await loop.run_in_executor(planning_thread, ports.planning.advice, request, plans[-1])
    return PlannedPreview(guess=guess, guess_s=guessed_s - asked_s, plan=plans[-1], plan_s=plan_s, advice=advice)


async def planned_advice(
    planned: tuple[Task, Plan] | None,
    request_of: Callable[[Task], PlanRequest],
    ports: Ports,
    planning_thread: Executor,
) -> PlanAdvice:
    """What would make the plan of a task cheaper or shorter. Nothing if the catalog lacks agents of it."""
    if planned is None:
        return PlanAdvice()
    (task, plan), loop = planned, asyncio.get_running_loop()
    request = request_of(task)
    if any(step.placement.agent not in request.catalog.by_name for step in plan.steps):
        return PlanAdvice()
    return await loop.run_in_executor(planning_thread, ports.planning.advice, request, plan)
