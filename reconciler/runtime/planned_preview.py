"""Both plans of a task, made without running it, and advice about the plan of one that runs."""

import asyncio
from dataclasses import dataclass, field

from planners.plans import Plan
from planners.speculative.plan_advice import PlanAdvice
from planners.tasks import Task
from reconciler.runtime.shard_resources import ShardResources


@dataclass(frozen=True, slots=True)
class PlannedPreview:
    """Both plans of a task that was not run, the seconds each took to make, and advice about the optimal one."""

    guess: Plan | None
    guess_s: float
    plan: Plan
    plan_s: float
    advice: PlanAdvice = field(default_factory=PlanAdvice)


async def planned_preview(task: Task, shared: ShardResources) -> PlannedPreview:
    """Make both plans; the guess and the advice are made in the planning thread.

    Raises:
        PlanningError: no plan can be made.
    """
    request, planning, clock = shared.request(task), shared.ports.planning, shared.ports.clock
    loop, thread = asyncio.get_running_loop(), shared.planning_thread
    asked_s = clock.monotonic_s()
    guess = await loop.run_in_executor(thread, next, planning.guesses(request), None)
    guessed_s = clock.monotonic_s()
    plans = [plan async for plan in planning.plan(request.model_copy(update={"hint": guess}))]
    plan_s = clock.monotonic_s() - guessed_s
    advice = await loop.run_in_executor(thread, planning.advice, request, plans[-1])
    return PlannedPreview(guess=guess, guess_s=guessed_s - asked_s, plan=plans[-1], plan_s=plan_s, advice=advice)


async def planned_advice(planned: tuple[Task, Plan] | None, shared: ShardResources) -> PlanAdvice:
    """What would make the plan of a task cheaper or shorter. Nothing if the catalog lacks agents of it."""
    if planned is None:
        return PlanAdvice()
    task, plan = planned
    request = shared.request(task)
    if any(step.placement.agent not in request.catalog.by_name for step in plan.steps):
        return PlanAdvice()
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(shared.planning_thread, shared.ports.planning.advice, request, plan)
