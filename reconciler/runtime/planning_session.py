"""Asks both planners for the plans of one epoch and posts their answers, and every failure, as events of the run."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing

from pydantic import JsonValue

from planners.availability import avoidable
from planners.errors import ForerunError, Infeasible
from planners.model import AttemptId, NodeId, StepId
from planners.plans import Plan
from planners.requests import InFlight, PlanRequest
from planners.tasks import Limits, Task
from reconciler.runtime.ahead_guess import AheadGuess
from reconciler.runtime.guess_session import GuessSession
from reconciler.runtime.run_clock import RunClock
from reconciler.runtime.shard_resources import ShardResources
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.attempts import Attempt
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.learned_times import LearnedTimes
from reconciler.state.run import RunState

_log = logging.getLogger(__name__)
# The work in flight of runs with more attempts than this is listed in a thread.
# Between two looks for a node.
_NODES_S = 0.2
_LARGE = 500


class PlanningSession:
    """Answers the latest RequestPlan of a run. A new request replaces the one before."""

    def __init__(
        self,
        run: RunState,
        shared: ShardResources,
        clock: RunClock,
        post: Callable[[e.Event], None],
        effects_out: Callable[[], Awaitable[object]],
    ) -> None:
        """Set up.

        Args:
            run: whose plans are asked for; only read.
            shared: the planners, the cluster, the reservations of other runs, the thread to guess in.
            clock: seconds since the run's admission.
            post: receives the events.
            effects_out: returns once what was promoted is out, so that it can be undone.
        """
        self._run = run
        self._ports = shared.ports
        self._reservations = shared.reservations
        self._clock = clock
        self._planning_thread = shared.planning_thread
        self._post = post
        self._effects_out = effects_out
        self._shared = shared
        self._task: asyncio.Task[None] | None = None
        self._guesses: GuessSession | None = None
        self._ahead = AheadGuess(shared, post)
        self.speeds: dict[NodeId, float] = {}  # of all nodes that were ever planned for

    def start(self, command: c.RequestPlan) -> None:
        """Ask for the plans of this epoch, unless those of a later one have been asked for."""
        if command.epoch < self._run.requests.requested:
            return
        self.stop()
        self._task = asyncio.get_running_loop().create_task(self._answer(command))

    def stop(self) -> None:
        """Stop asking. Nothing more is posted."""
        if self._guesses is not None:
            self._guesses.stop()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        self._task = None

    def with_speed(self, command: c.Command) -> c.Command:
        """An outcome with the speed of its node: the run does not know the cluster, and the node may soon be gone."""
        if not isinstance(command, c.Learn):
            return command
        speed = self.speeds.get(command.outcome.node, 1.0)
        if speed == command.outcome.speed:
            return command
        return command.model_copy(update={"outcome": command.outcome.model_copy(update={"speed": speed})})

    async def _answer(self, command: c.RequestPlan) -> None:
        try:
            await self._plan_within_limits(command)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # The planner awaited something of its own that was cancelled. The run must not wait for ever.
            self._failed(command.epoch, "CancelledError", "the planner was cancelled")
        except _OutputLost as lost:
            self._post(e.OutputsLost(at_s=0, attempts=(lost.attempt,), reason=str(lost)))
        except ForerunError as error:
            self._failed(command.epoch, type(error).__name__, error.message, error.fix)
        except Exception as error:  # noqa: BLE001 -- a planner may fail in any way, and the run must hear of it
            self._failed(command.epoch, type(error).__name__, f"the planner failed: {error}")

    async def _plan_within_limits(self, command: c.RequestPlan) -> None:
        """A plan within the limits of the task; where there is none and the task need not fail, one beyond them."""
        try:
            await self._plan(command)
        except Infeasible:
            limits = self._run.task.limits
            if limits.on_budget == limits.on_deadline == "fail":
                raise
            await self._plan(command, within=False)

    async def _plan(self, command: c.RequestPlan, *, within: bool = True) -> None:
        """Begin to guess, then ask the optimal planner, with the first guess as a hint.

        Where the optimal plan needs no search, there is nothing to guess and nobody to ask. ``within``: see
        `_plannable`.

        Raises:
            Infeasible: no plan keeps to the limits.
        """
        if command.facts.undo:
            await self._effects_out()
        await self._some_node(command)
        request = await self._request(command, within=within)
        if (certified := await self._certified(request)) is not None:
            await self._post_plan(request, certified)
            await self._ahead.guess(request, certified)
            return
        guesses = self._guesses = GuessSession(request, self._shared, self._clock, self._post)
        hint = await guesses.first() or self._run.optimal_plan
        complete: Plan | None = None
        async with aclosing(self._ports.planning.plan(request.model_copy(update={"hint": hint}))) as plans:
            async for plan in plans:
                complete = plan if plan.complete else complete
                await self._post_plan(request, plan)
                guesses.plan_arrived(plan)
        if complete is None:
            self._failed(command.epoch, "", "the planner ended without a whole plan", "submit the task again")
        else:
            await self._ahead.guess(request, complete)

    async def _some_node(self, command: c.RequestPlan) -> None:
        """Wait for a node to plan for. While the cluster is away, or before new nodes join, there is none."""
        lost = set(command.without_nodes)
        while all(node.id in lost for node in self._ports.cluster.snapshot().nodes):  # noqa: ASYNC110 -- nobody tells
            await asyncio.sleep(_NODES_S)

    async def _post_plan(self, request: PlanRequest, plan: Plan) -> None:
        """Post an optimal plan with what is learned of its steps."""
        if len(plan.steps) > _LARGE:
            times = await asyncio.to_thread(self._times, request, plan)
        else:
            times = self._times(request, plan)
        self._post(e.OptimalPlanReady(at_s=0, plan=plan, epoch=request.epoch, times=times))

    def _times(self, request: PlanRequest, plan: Plan) -> LearnedTimes | None:
        """What is learned of a plan's steps. Attempts are not late because messages are."""
        margin_s = self._shared.delays.margin_s
        try:
            times = self._ports.advice.times(request, plan)
        except Exception:  # noqa: BLE001 -- whatever is wrong with learned models, the task goes on without them
            _log.exception("no learned times for task %s", self._run.id)
            return None
        if times is None or margin_s <= 0:
            return times
        return times.model_copy(update={"late_s": {step: late_s + margin_s for step, late_s in times.late_s.items()}})

    def _failed(self, epoch: int, error_type: str, message: str, fix: str = "") -> None:
        failure = Failure(kind=FailureKind.PLANNING, message=message, fix=fix, error_type=error_type)
        self._post(e.PlanningFailed(at_s=0, failure=failure, epoch=epoch))

    async def _certified(self, request: PlanRequest) -> Plan | None:
        certifier = self._ports.certifier
        if certifier is None:
            return None
        try:
            if certifier.is_quick(request):
                await self._shared.turns.next()
                return certifier.plan(request)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._planning_thread, certifier.plan, request)
        except Exception:  # noqa: BLE001 -- whatever is wrong here, the optimal planner is asked
            _log.exception("no certified plan for task %s", self._run.id)
            return None

    # ---- the request

    async def _request(self, command: c.RequestPlan, *, within: bool) -> PlanRequest:
        run, ports, now_s = self._run, self._ports, self._clock.now_s
        cluster, lost = ports.cluster.snapshot(), set(command.without_nodes)
        self.speeds |= {node.id: node.speed for node in cluster.nodes}
        others = self._reservations.of_others(run.id, ports.clock.monotonic_s())
        if lost or others:
            nodes = tuple(node for node in cluster.nodes if node.id not in lost)
            cluster = cluster.model_copy(update={"nodes": nodes, "reservations": (*cluster.reservations, *others)})
        avoided = set(avoidable(cluster.outages, run.task, run.catalog)).difference(command.without_agents)
        return PlanRequest(
            task=_plannable(run, command, within=within),
            catalog=ports.catalog,
            cluster=cluster,
            epoch=command.epoch,
            known=await self._known(command),
            facts=command.facts,
            in_flight=await self._in_flight(now_s),
            without_agents=(*command.without_agents, *sorted(avoided)),
            refused=command.refused,
            spent_usd=run.spent_usd,
            elapsed_s=now_s,
        )

    async def _in_flight(self, now_s: float) -> tuple[InFlight, ...]:
        attempts = self._run.attempts.current()  # a list, since a thread may be handling an event of the run
        if len(attempts) > _LARGE:
            return await asyncio.to_thread(_flights, attempts, now_s)
        return _flights(attempts, now_s)

    async def _known(self, command: c.RequestPlan) -> dict[StepId, JsonValue]:
        known: dict[StepId, JsonValue] = {}
        for step, attempt in command.known_from.items():
            try:
                known[step] = await self._ports.executor.value(self._run.id, c.OutputOf(attempt=attempt))
            except LookupError as error:
                raise _OutputLost(attempt, f"its output is gone, and a plan needs it: {error}") from error
        return known


class _OutputLost(Exception):
    """What a plan needs to know is gone."""

    def __init__(self, attempt: AttemptId, reason: str) -> None:
        super().__init__(reason)
        self.attempt = attempt


def _flights(attempts: Iterable[Attempt], now_s: float) -> tuple[InFlight, ...]:
    return tuple(
        InFlight(
            work_key=attempt.work_key,
            agent=attempt.placement.agent,
            node=attempt.placement.node,
            elapsed_s=max(0.0, now_s - _began_s(attempt)),
            finished=attempt.finished,
        )
        for attempt in attempts
        if attempt.usable
    )


def _began_s(attempt: Attempt) -> float:
    return attempt.dispatched_s if attempt.started_s is None else attempt.started_s


def _plannable(run: RunState, command: c.RequestPlan, *, within: bool) -> Task:
    """The task without limits that its plan may exceed: what does not fit is left out, or asked about, when it is due.

    Where a person is asked, a plan ``within`` the limits is looked for first. What a task has done is undone whatever
    its limits are.
    """
    task, limits = run.task, run.task.limits
    if command.facts.undo:
        return task.model_copy(update={"limits": Limits()})
    keeps_budget = limits.on_budget == "fail" or (limits.on_budget == "ask" and within)
    keeps_deadline = limits.on_deadline == "fail" or (within and not run.is_late)
    kept = {
        "budget_usd": limits.budget_usd if keeps_budget else None,
        "deadline_s": limits.deadline_s if keeps_deadline else None,
    }
    if kept == {"budget_usd": limits.budget_usd, "deadline_s": limits.deadline_s}:
        return task
    return task.model_copy(update={"limits": limits.model_copy(update=kept)})
