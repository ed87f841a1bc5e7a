"""The optimal planner: goals to steps, streamed, then agents, nodes and times by CP-SAT.

While a goal streams, each prefix of the plan is scheduled by list; what a prefix has said of an agent stands in the
plan that follows, for the step may have been dispatched. Only where the whole plan would be infeasible so, agents of
steps that may be repeated are chosen anew.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Protocol

from pydantic import Field

from planners.costs import CostModel
from planners.errors import DecomposeFailed, Infeasible
from planners.expansion import flatten
from planners.model import Model
from planners.optimal.decompose.goals import Decomposer
from planners.optimal.decompose.parallel_decomposition import grow
from planners.optimal.decompose.partial_workflow import PartialWorkflow
from planners.optimal.streaming_plan import DecompositionCache, StreamingPlan
from planners.plans import Plan, PlanKind
from planners.requests import PlanRequest, SpeculativePlanner
from planners.scheduling.cancellation import CancellationToken
from planners.scheduling.cp_sat.solver import schedule
from planners.scheduling.list_scheduling.list_schedule import cheapest_steps, list_schedule
from planners.tasks import Mode
from planners.workflow import FlatWorkflow


class ListScheduler(Protocol):
    """A scheduler that answers in milliseconds."""

    def __call__(self, flat: FlatWorkflow, request: PlanRequest, costs: CostModel) -> Plan:
        """A good plan."""
        ...


class Solver(Protocol):
    """A scheduler that answers in seconds, with the best plan it has when its time is over."""

    def __call__(  # noqa: PLR0913 -- the shape of planners.scheduling.cp_sat.solver.schedule
        self,
        flat: FlatWorkflow,
        request: PlanRequest,
        costs: CostModel,
        *,
        time_limit_s: float,
        workers: int = 1,
        hint: Plan | None = None,
        cancellation: CancellationToken | None = None,
    ) -> Plan:
        """The best plan, with its bound and gap; after a cancellation, the best plan so far."""
        ...


class OptimalSettings(Model):
    """``workers`` threads a solve, ``solves_at_once`` of them; a task's own time limit is capped by ``time_limit_s``.

    ``remembered`` decompositions are kept, so that a later epoch of a task schedules the same steps again.
    """

    workers: int = Field(default=1, ge=1)
    solves_at_once: int = Field(default=2, ge=1)
    time_limit_s: float = Field(default=60.0, gt=0)
    remembered: int = Field(default=4096, ge=1)


class OptimalPlannerPipeline:
    """Fulfils `planners.requests.OptimalPlanner`.

    ``costs`` is asked anew for every plan, so what was learned meanwhile counts. ``fallback`` guesses where the
    decomposer fails and the task allows it. Nothing outlives an iterator that is closed or cancelled: a solve under way
    for it is stopped.
    """

    def __init__(  # noqa: PLR0913 -- the parts of a composition, each with a default
        self,
        costs: Callable[[], CostModel],
        decomposer: Decomposer | None = None,
        *,
        fallback: SpeculativePlanner | None = None,
        settings: OptimalSettings | None = None,
        lister: ListScheduler = list_schedule,
        solver: Solver = schedule,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._costs = costs
        self._decomposer = decomposer
        self._fallback = fallback
        self._settings = settings or OptimalSettings()
        self._lister = lister
        self._solver = solver
        self._clock = clock
        self._weaves = DecompositionCache(self._settings.remembered)
        self._running: set[CancellationToken] = set()
        self._threads = ThreadPoolExecutor(self._settings.solves_at_once, thread_name_prefix="solve")

    async def plan(self, request: PlanRequest) -> AsyncGenerator[Plan, None]:
        """Prefixes of the plan as a goal streams in (none in mode wait), then the whole plan.

        Raises:
            DecomposeFailed: there are no steps for the goal, and no fallback is allowed or there.
            Infeasible: no plan keeps to the task's limits.
        """
        given = request.task.planning.plan
        if given is not None:
            yield given.model_copy(update={"kind": PlanKind.OPTIMAL, "complete": True})
            return
        draft = StreamingPlan(request, self._clock)
        weave = self._weaves.recall(request) or PartialWorkflow(request.task)
        try:
            async with aclosing(self._prefixes(request, weave, draft)) as prefixes:
                async for prefix in prefixes:
                    yield prefix
        except DecomposeFailed as failure:
            yield await self._without_decomposer(request, draft, failure)
            return
        self._weaves.keep(request, weave)
        yield await self._whole(flatten(weave.workflow(), request.task.values, request.known), request, draft)

    def close(self) -> None:
        """Stop every solve and let the threads end."""
        for token in tuple(self._running):
            token.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _prefixes(
        self, request: PlanRequest, weave: PartialWorkflow, draft: StreamingPlan
    ) -> AsyncGenerator[Plan, None]:
        if weave.complete:
            return
        if self._decomposer is None:
            raise DecomposeFailed(
                "no LLM is configured that could decompose a goal", "goal", "declare a workflow, or configure an LLM"
            )
        catalog = request.catalog.without(request.without_agents)
        async with aclosing(grow(weave, self._decomposer, catalog)) as growth:
            async for _ in growth:
                flat = flatten(weave.workflow(), request.task.values, request.known)
                if request.task.planning.mode is Mode.WAIT or weave.complete or not draft.grows(flat):
                    continue
                prefix = await self._prefix(flat, request, draft)
                if prefix is not None:
                    yield prefix

    async def _prefix(self, flat: FlatWorkflow, request: PlanRequest, draft: StreamingPlan) -> Plan | None:
        """The prefix of the plan that these steps allow; None: nothing new that can be said for sure.

        Raises:
            Infeasible: no plan keeps to the task's limits, whatever comes.
        """
        pinned, asked, costs = draft.pinned(flat), draft.request(request.hint), self._costs()

        def listed() -> Plan:
            return cheapest_steps(self._lister(pinned, asked, costs), pinned, asked, costs)

        try:
            sure = await asyncio.to_thread(listed)
        except Infeasible:
            # What prefixes have said may be what stands in the way; the whole plan takes it back.
            if draft.pins:
                return None
            raise
        return draft.prefix(sure, flat) if any(step.id not in draft.pins for step in sure.steps) else None

    async def _whole(self, flat: FlatWorkflow, request: PlanRequest, draft: StreamingPlan) -> Plan:
        try:
            plan = await self._schedule(draft.pinned(flat), request, draft)
        except Infeasible:
            if not draft.pins:
                raise
            plan = await self._schedule(draft.pinned(flat, only_irreversible=True), request, draft)
        return draft.whole(plan, flat)

    async def _schedule(self, flat: FlatWorkflow, request: PlanRequest, draft: StreamingPlan) -> Plan:
        asked, costs, token = draft.request(request.hint or draft.last), self._costs(), CancellationToken()
        if request.task.planning.mode is Mode.LIST_SCHEDULE:
            return await asyncio.to_thread(self._lister, flat, asked, costs)

        def solve() -> Plan:
            return self._solver(
                flat,
                asked,
                costs,
                time_limit_s=min(request.task.planning.time_limit_s, self._settings.time_limit_s),
                workers=self._settings.workers,
                hint=asked.hint,
                cancellation=token,
            )

        self._running.add(token)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, solve)
        finally:
            self._running.discard(token)
            token.cancel()

    async def _without_decomposer(self, request: PlanRequest, draft: StreamingPlan, failure: DecomposeFailed) -> Plan:
        """The guess becomes the authority, if the task allows it and there is a whole one.

        Raises:
            DecomposeFailed: the failure, otherwise.
        """
        guess = request.hint if request.task.planning.fallback else None
        if guess is None and request.task.planning.fallback and self._fallback is not None:
            guess = self._fallback.guess(request)
        if guess is None or not guess.steps or not guess.complete or guess.pending:
            raise failure
        flat = FlatWorkflow(
            steps=tuple(planned.step for planned in guess.steps), pending=guess.pending, outputs=guess.outputs
        )
        plan = await self._whole(flat, request, draft)
        return plan.model_copy(update={"origin": f"fallback:{guess.origin}"})
