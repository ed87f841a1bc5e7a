"""The planners in the service: the speculative one runs in the shard, the optimal one in an actor of its own."""

import asyncio
import gc
import logging
import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from typing import Any
from uuid import uuid4

import ray
from prometheus_client import CollectorRegistry, generate_latest
from ray.exceptions import RayActorError, RayTaskError

from orchestrator.errors import Unavailable, UnknownCatalog
from orchestrator.llm import decomposer, draft_decomposer
from orchestrator.metrics.llm import LlmMetrics
from orchestrator.metrics.loop_lag import LoopLag
from orchestrator.metrics.planning import PlanningMetrics
from orchestrator.service.advice import LearnedAdvice
from orchestrator.service.compiled_kernel import allow_compiled_kernel
from orchestrator.service.parcels import Parcel, packed, unpacked
from orchestrator.service.planning_requests import PlanningRequests
from orchestrator.service_log import ServiceLog
from orchestrator.settings import Settings
from orchestrator.speculative_planning import SpeculativePlanning
from planners.agents import Catalog
from planners.costs import CostModel, PriorCosts
from planners.errors import ForerunError
from planners.optimal.draft import DraftPlanner
from planners.optimal.planner import OptimalPlannerPipeline, OptimalSettings, prepare_solver
from planners.plans import Plan
from planners.requests import PlanRequest
from planners.speculative.planner import SpeculativePlannerPipeline
from planners.tasks import Task

_log = logging.getLogger(__name__)
# Pauses before a planner that died is asked again. A new one imports for 10 to 20 s on a busy machine.
_RETRY_PAUSES_S = (1.0, 3.0, 6.0, 12.0)
# Concurrent plans in one planner actor; each is a coroutine that mostly waits for an LLM or a solver thread.
_MAX_PLANS = 10_000
# Catalogs that the planner keeps: a long run may have been admitted many reloads ago.
_MOST_CATALOGS = 32


def _prepare() -> None:
    """Import the solver, which takes half a second, before a task needs it."""
    prepare_solver()
    gc.freeze()  # as in __init__


class PlannerActor:
    """Hosts the optimal planner, so that no solver blocks a shard's event loop."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        ServiceLog.of(settings).install("planner")
        self._catalog = catalog
        # Runs plan with the catalog that they were admitted with, which a reload may have replaced.
        self._catalogs: OrderedDict[str, Catalog] = OrderedDict({catalog.identity: catalog})
        self._costs: CostModel = PriorCosts()
        self._requests = PlanningRequests()
        self._registry = CollectorRegistry()
        self._lag = LoopLag(self._registry, "planner")
        allow_compiled_kernel(settings)
        self._decomposer = decomposer(settings, LlmMetrics(self._registry))
        self._pipeline = OptimalPlannerPipeline(
            lambda: self._costs,
            self._decomposer,
            settings=OptimalSettings(
                workers=settings.planning.workers,
                solves_at_once=settings.planning.solves_at_once,
                time_limit_s=settings.planning.time_limit_s,
            ),
        )
        self._preparing = threading.Thread(target=_prepare, name="solver", daemon=True)
        self._draft_decomposer = draft_decomposer(settings)
        self._drafts = DraftPlanner(lambda: self._costs, self._draft_decomposer)
        # A full collection of the 320,000 objects of modules and catalog held up all plans for 0.25 s, after every 45.
        gc.freeze()

    async def reload(self, catalog: Catalog) -> None:
        """Know one more catalog. A shard that is restarted gets the newest."""
        self._catalog = self._catalogs[catalog.identity] = catalog
        self._catalogs.move_to_end(catalog.identity)
        while len(self._catalogs) > _MOST_CATALOGS:
            self._catalogs.popitem(last=False)

    async def catalog(self) -> Catalog:
        """The newest catalog."""
        return self._catalog

    async def plan(
        self, request: PlanRequest | Parcel[PlanRequest], ticket: str, catalog: str
    ) -> AsyncGenerator[Plan | Parcel[Plan], None]:
        """The optimal plan as it streams in, until `stop` with the same ticket. The actor adds the catalog.

        Raises:
            UnknownCatalog: there is no catalog of this identity.
        """
        complete = await self._with_catalog(request, catalog)
        async for plan in self._requests.follow(ticket, self._pipeline.plan(complete)):
            yield await packed(plan, len(plan.steps))

    async def draft(self, request: PlanRequest | Parcel[PlanRequest], ticket: str, catalog: str) -> Plan | None:
        """A draft of the plan by the small LLM, until `stop` with the same ticket; None if there is none.

        Raises:
            UnknownCatalog: there is no catalog of this identity.
        """
        complete = await self._with_catalog(request, catalog)
        drafts = [draft async for draft in self._requests.follow(ticket, self._drafts.plan(complete))]
        return drafts[-1] if drafts else None

    async def _with_catalog(self, request: PlanRequest | Parcel[PlanRequest], catalog: str) -> PlanRequest:
        known = self._catalogs.get(catalog)
        if known is None:
            raise UnknownCatalog("the planner does not know this catalog")
        return (await unpacked(request)).model_copy(update={"catalog": known})

    async def stop(self, ticket: str) -> None:
        """Cancel a plan: close the connection to the LLM and stop the solver."""
        self._requests.stop(ticket)

    async def metrics(self) -> str:
        """What this process counts, as Prometheus text."""
        return generate_latest(self._registry).decode()

    async def under_way(self) -> int:
        """Number of plans in progress."""
        # The first ping comes soon, when everything else has started. __init__ may not run on the event loop.
        self._lag.start()
        if self._preparing.ident is None:
            self._preparing.start()
        return len(self._requests)

    async def close(self) -> None:
        """Cancel all plans and release threads and connections."""
        self._lag.stop()
        self._requests.stop_all()
        self._pipeline.close()
        self._drafts.close()
        for llm in (self._decomposer, self._draft_decomposer):
            if llm is not None:
                await llm.close()

    async def learn(self, costs: CostModel) -> None:
        """Use this cost model from now on."""
        self._costs = costs


def create_planner(
    settings: Settings,
    catalog: Any,
    name: str,
    scheduling_strategy: Any = None,
    actor_class: type[PlannerActor] = PlannerActor,
) -> Any:
    """Start a planner actor and return its handle. ``catalog`` is a Catalog or a reference to one."""
    options = ray.remote(actor_class).options(
        name=name,
        num_cpus=0,
        max_concurrency=_MAX_PLANS,
        max_restarts=-1,
        scheduling_strategy=scheduling_strategy,
    )
    return options.remote(settings, catalog)


class RemotePlanning(SpeculativePlanning):
    """Fulfils `reconciler.runtime.ports.Planning`."""

    def __init__(
        self,
        speculative: SpeculativePlannerPipeline,
        planner: Any,
        advice: LearnedAdvice,
        metrics: PlanningMetrics | None = None,
    ) -> None:
        super().__init__(speculative)
        self._metrics = metrics
        self._planner = planner
        self._advice = advice

    def guesses(self, request: PlanRequest) -> Iterator[Plan]:
        """The speculative plan and its alternatives, made in this thread."""
        guesses = super().guesses(request)
        return guesses if self._metrics is None else self._metrics.timed_guesses(guesses)

    def remember(self, task: Task, plan: Plan) -> None:
        """Store an optimal plan for later speculative plans."""
        super().remember(task, plan)
        self._advice.learn_plan(task, plan)

    def plan(self, request: PlanRequest) -> AsyncGenerator[Plan, None]:
        """See `_plan`."""
        plans = self._plan(request)
        return plans if self._metrics is None else self._metrics.timed_plans(plans)

    async def _plan(self, request: PlanRequest) -> AsyncGenerator[Plan, None]:
        """The optimal plan from the planner actor. If the actor dies, Ray restarts it and it is asked again.

        Raises:
            PlanningError: no plan can be made.
            Unavailable: the planner actor is gone and does not come back.
        """
        sent = 0
        for pause_s in (*_RETRY_PAUSES_S, None):
            try:
                async with aclosing(self._request_plan(request)) as plans:
                    async for plan in plans:
                        # Steps that were sent stay confirmed; of a second plan only what exceeds them is new.
                        if plan.complete or len(plan.steps) > sent:
                            sent = len(plan.steps)
                            yield plan
            except UnknownCatalog:
                # The planner was restarted after a reload, or has forgotten an old catalog.
                with suppress(RayActorError):  # it has died now: the next try finds out, and waits for it
                    await self._planner.reload.remote(request.catalog)
            except RayActorError as error:
                if pause_s is None:
                    raise Unavailable("the planner has died", "", "try again") from error
                _log.warning("the planner has died; asking again in %g s: %s", pause_s, error)
                await asyncio.sleep(pause_s)
            else:
                return
        raise Unavailable("the planner forgets the catalog of this task each time that it is told", "", "try again")

    async def draft(self, request: PlanRequest) -> Plan | None:
        """A draft of the plan from the planner actor; None if it could not be made."""
        ticket = uuid4().hex
        asked = await packed(request.model_copy(update={"catalog": Catalog(), "hint": None}), _steps(request))
        try:
            draft: Plan | None = await self._planner.draft.remote(asked, ticket, request.catalog.identity)
        except (RayActorError, RayTaskError) as error:
            _log.warning("no draft of the plan: %s", getattr(error, "cause", None) or error)
            return None
        finally:
            self._planner.stop.remote(ticket)
        return draft

    async def _request_plan(self, request: PlanRequest) -> AsyncGenerator[Plan, None]:
        """Ask once. The catalog is not sent, because the actor has it."""
        ticket = uuid4().hex
        asked = await packed(request.model_copy(update={"catalog": Catalog()}), _steps(request))
        identity = request.catalog.identity
        plans = self._planner.plan.options(num_returns="streaming").remote(asked, ticket, identity)
        try:
            async for reference in plans:
                yield await unpacked(await reference)
        except RayTaskError as error:
            cause = error.cause
            raise (cause if isinstance(cause, ForerunError) else Unavailable(f"the planner failed: {cause}")) from error
        finally:
            # Not ray.cancel: it misses some coroutines (ray #52628) and does not reach the solver's thread.
            self._planner.stop.remote(ticket)


def _steps(request: PlanRequest) -> int:
    """How many steps the request holds, in its workflow and in its hint."""
    workflow, hint = request.task.workflow, request.hint
    return (len(workflow.steps) if workflow is not None else 0) + (len(hint.steps) if hint is not None else 0)
