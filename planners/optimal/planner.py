"""The optimal planner: decomposes goals into steps as they stream in, then assigns agents, nodes and times by CP-SAT.

While a goal streams, each prefix of the plan is list-scheduled. A step of a prefix may be dispatched at once, so the
complete plan keeps the agents that prefixes have chosen. Only if no plan is feasible with them, the agents of steps
that may be repeated are chosen again.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from pydantic import Field

from planners.compensation import undo_workflow
from planners.costs import CostModel
from planners.errors import DecomposeFailed, Infeasible, NoLanguageModel, PlanningError
from planners.expansion import flatten
from planners.model import Model
from planners.optimal.decompose.goals import Decomposer
from planners.optimal.decompose.growing_workflow import GrowingWorkflow
from planners.optimal.decompose.parallel_decomposition import decompose
from planners.optimal.decomposition_cache import DecompositionCache
from planners.optimal.streaming_plan import StreamingPlan
from planners.plans import Plan, PlanKind
from planners.requests import PlanRequest, SpeculativePlanner
from planners.schedulers import ListScheduler, Solver
from planners.scheduling.cancellation import CancellationToken
from planners.scheduling.list_scheduling.list_schedule import cheapest_steps, list_schedule
from planners.tasks import Mode
from planners.workflow import FlatWorkflow

_T = TypeVar("_T")
# Of threads that solve: the service and its agents come first.
_NICENESS = 10


class OptimalSettings(Model):
    """Bounds on planning.

    ``workers`` threads per solve, and ``solves_at_once`` solves. ``time_limit_s`` caps the time limit of a task's
    solve. ``cached_decompositions`` are kept, so that a later epoch of a task schedules the same steps again.
    """

    workers: int = Field(default=1, ge=1)
    solves_at_once: int = Field(default=2, ge=1)
    time_limit_s: float = Field(default=60.0, gt=0)
    cached_decompositions: int = Field(default=4096, ge=1)


class OptimalPlannerPipeline:
    """Fulfils `planners.requests.OptimalPlanner`.

    ``costs`` is called for each plan, so a plan uses what has been learned by then. ``fallback`` guesses where the
    decomposer fails and the task allows it. Closing or cancelling the iterator of a plan also cancels its solve.
    """

    def __init__(  # noqa: PLR0913 -- the parts of a composition, each with a default
        self,
        costs: Callable[[], CostModel],
        decomposer: Decomposer | None = None,
        *,
        fallback: SpeculativePlanner | None = None,
        settings: OptimalSettings | None = None,
        list_scheduler: ListScheduler = list_schedule,
        solver: Solver | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._costs = costs
        self._decomposer = decomposer
        self._fallback = fallback
        self._settings = settings or OptimalSettings()
        self._list_scheduler = list_scheduler
        self._solver = solver or _cp_sat
        self._clock = clock
        self._decompositions = DecompositionCache(self._settings.cached_decompositions)
        self._running: set[CancellationToken] = set()
        self._threads = ThreadPoolExecutor(
            self._settings.solves_at_once, thread_name_prefix="solve", initializer=_give_way
        )

    async def plan(self, request: PlanRequest) -> AsyncGenerator[Plan, None]:
        """Prefixes of the plan as a goal streams in (none in mode wait), then the complete plan.

        The stream ends with the complete plan or raises.

        Raises:
            DecomposeFailed: there are no steps for the goal, and no fallback is allowed or available.
            Infeasible: no plan keeps to the task's limits.
            PlanningError: the planner was closed.
        """
        given = request.task.planning.plan
        if given is not None and not request.facts.undo:
            yield given.model_copy(update={"kind": PlanKind.OPTIMAL, "complete": True})
            return
        stream = StreamingPlan(request, self._clock)
        if request.facts.undo:
            yield await self._complete(undo_workflow(request.facts), request, stream)
            return
        workflow = await asyncio.to_thread(self._decompositions.begin, request)
        try:
            async with aclosing(self._prefixes(request, workflow, stream)) as prefixes:
                async for prefix in prefixes:
                    yield prefix
        except DecomposeFailed as failure:
            yield await self._without_decomposer(request, stream, failure)
            return
        await asyncio.to_thread(self._decompositions.put, request, workflow)
        fresh = self._decompositions.fresh(request, workflow)
        plan = await self._complete(await asyncio.to_thread(_unrolled, workflow, request), request, stream)
        yield plan.model_copy(update={"decompositions": fresh}) if fresh else plan

    def close(self) -> None:
        """Cancel every solve and let the threads end."""
        for token in tuple(self._running):
            token.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _prefixes(
        self, request: PlanRequest, workflow: GrowingWorkflow, stream: StreamingPlan
    ) -> AsyncGenerator[Plan, None]:
        if workflow.complete:
            return
        if self._decomposer is None:
            fix = "declare a workflow, or set llm.base_url and llm.model in the settings"
            raise NoLanguageModel("no LLM is configured that could decompose a goal", "goal", fix)
        catalog = request.catalog.without(request.without_agents)
        async with aclosing(decompose(workflow, self._decomposer, catalog)) as growth:
            async for _ in growth:
                if request.task.planning.mode is Mode.WAIT or workflow.complete:
                    continue
                if (prefix := await asyncio.to_thread(self._prefix, workflow, request, stream)) is not None:
                    yield prefix

    def _prefix(self, workflow: GrowingWorkflow, request: PlanRequest, stream: StreamingPlan) -> Plan | None:
        """The prefix of the plan that the steps so far allow; None if no further step can be confirmed yet.

        Raises:
            Infeasible: no plan keeps to the task's limits, whatever steps follow.
        """
        flat = _unrolled(workflow, request)
        if not stream.is_new(flat):
            return None
        pinned, current, costs = stream.pinned(flat), stream.request(request.hint), self._costs()
        try:
            plan = cheapest_steps(self._list_scheduler(pinned, current, costs), pinned, current, costs)
        except Infeasible:
            # The agents that prefixes have chosen may be the cause; the complete plan can choose others.
            if stream.pins:
                return None
            raise
        return stream.prefix(plan, flat) if any(step.id not in stream.pins for step in plan.steps) else None

    async def _complete(self, flat: FlatWorkflow, request: PlanRequest, stream: StreamingPlan) -> Plan:
        try:
            return await self._schedule(flat, request, stream)
        except Infeasible:
            if not stream.pins:
                raise
            return await self._schedule(flat, request, stream, only_irreversible=True)

    async def _schedule(
        self, flat: FlatWorkflow, request: PlanRequest, stream: StreamingPlan, *, only_irreversible: bool = False
    ) -> Plan:
        """The complete plan with the agents that prefixes chose, or with the irreversible ones of these only."""
        token = CancellationToken()

        def solve() -> Plan:
            pinned = stream.pinned(flat, only_irreversible=only_irreversible)
            current, costs = stream.request(request.hint or stream.last), self._costs()
            if request.task.planning.mode is Mode.LIST_SCHEDULE:
                return stream.complete(self._list_scheduler(pinned, current, costs), flat)
            plan = self._solver(
                pinned,
                current,
                costs,
                time_limit_s=min(request.task.planning.time_limit_s, self._settings.time_limit_s),
                workers=self._settings.workers,
                hint=current.hint,
                cancellation=token,
            )
            return stream.complete(plan, flat)

        self._running.add(token)
        try:
            if request.task.planning.mode is Mode.LIST_SCHEDULE:
                return await asyncio.to_thread(solve)
            return await self._in_thread(solve)
        finally:
            self._running.discard(token)
            token.cancel()

    async def _in_thread(self, solve: Callable[[], _T]) -> _T:
        """Run a solve in the pool.

        Raises:
            PlanningError: the planner was closed before the solve began.
        """
        closed = PlanningError("the planner was closed before it had a plan", "", "try again")
        try:
            future = asyncio.get_running_loop().run_in_executor(self._threads, solve)
        except RuntimeError:
            raise closed from None
        try:
            return await future
        except asyncio.CancelledError:
            # `close` cancels solves that wait for a thread. Without a cancel of this asyncio task that is a failure.
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            raise closed from None

    async def _without_decomposer(self, request: PlanRequest, stream: StreamingPlan, failure: DecomposeFailed) -> Plan:
        """The guess as the optimal plan, if the task allows it and the guess is complete.

        Raises:
            DecomposeFailed: the failure, otherwise.
        """
        guess = request.hint if request.task.planning.fallback else None
        if guess is None and request.task.planning.fallback and self._fallback is not None:
            guess = await asyncio.to_thread(self._fallback.guess, request)
        if guess is None or not guess.steps or not guess.complete or guess.pending:
            raise failure
        flat = FlatWorkflow(
            steps=tuple(planned.step for planned in guess.steps), pending=guess.pending, outputs=guess.outputs
        )
        plan = await self._complete(flat, request, stream)
        return plan.model_copy(update={"origin": f"fallback:{guess.origin}"})


def prepare_solver() -> None:
    """Import the solver in this thread, at a low priority, so that the first solve does not wait for it."""
    _give_way()
    import planners.scheduling.cp_sat.solver  # noqa: F401, PLC0415 -- see `_cp_sat`


def _give_way() -> None:
    """Give this thread, and those that a solver starts in it, less of a core than whatever else wants it."""
    if sys.platform == "linux":  # elsewhere the priority is that of the process
        with suppress(OSError):
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))


def _unrolled(workflow: GrowingWorkflow, request: PlanRequest) -> FlatWorkflow:
    return flatten(workflow.workflow(), request.task.values, request.known, workflow.facts)


def _cp_sat(flat: FlatWorkflow, request: PlanRequest, costs: CostModel, **options: Any) -> Plan:
    # Imported here: it takes half a second, while a service starts or the first agents run already.
    from planners.scheduling.cp_sat.solver import schedule  # noqa: PLC0415 (see above)

    return schedule(flat, request, costs, **options)
