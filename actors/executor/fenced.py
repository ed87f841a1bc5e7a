"""What every executor has in common: the fence, limits, outputs, reports. Where agents run is left to its kinds."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from pydantic import JsonValue

from actors.admission.limits import AdmissionLimits
from actors.errors import ActorsError
from actors.failures import failure_of, node_lost
from actors.invocation import Ended, Invocation
from actors.kinds.kind import kind_of
from actors.payloads.outputs import BoundInputs, Outputs, Reference
from planners.agents import AgentSpec, Catalog
from planners.model import AgentName, AttemptId, NodeId, TaskId
from reconciler.runtime.ports import Report
from reconciler.state.commands import Dispatch, Source
from reconciler.state.events import AttemptFailed, AttemptFinished, AttemptStarted
from reconciler.state.handoff import Failure

INLINE_BYTES = 16 * 1024
_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class HostedAttempt:
    """An attempt on this side: its order, who waits for it, and what would cancel it (``hold``, None: nothing yet)."""

    task: TaskId
    order: Dispatch
    report: Report
    waiter: asyncio.Task[None] | None = None
    began_s: float | None = None
    hold: Any = None
    body: Reference | None = None
    staged: Any = None


Cancel = Callable[[Iterable[HostedAttempt]], None]


class Fencing(TypedDict, total=False):
    """What every executor takes besides the catalog; see `FencedExecutor`."""

    inline_bytes: int
    share: float
    cancel: Cancel | None


class FencedExecutor(ABC):
    """Carries out attempts; fulfils `reconciler.runtime.ports.Executor`.

    Guarantees: one AttemptFinished or AttemptFailed for every attempt that is not flushed; nothing at all after
    `flush` or `release`, whether or not the cancellation arrived; no reference to an output outlives its task. Lives on
    one event loop, on which reports are called.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        inline_bytes: int = INLINE_BYTES,
        share: float = 1.0,
        cancel: Cancel | None = None,
    ) -> None:
        """Set up; starts nothing.

        Args:
            catalog: the agents.
            inline_bytes: an output with more JSON than this stays in the object store.
            share: the part of every limit of agents and providers that is this executor's (1 / number of executors).
            cancel: how attempts are cancelled; tests inject one that gets lost.
        """
        self.catalog = catalog
        self._inline_bytes = inline_bytes
        self._limits = AdmissionLimits(catalog, share)
        self._outputs = Outputs()
        self._cancel = cancel or self._cancelled
        self._live: dict[TaskId, dict[AttemptId, HostedAttempt]] = {}
        self._staged: dict[TaskId, dict[AttemptId, tuple[Invocation, Any]]] = {}
        self._promotions: dict[TaskId, list[asyncio.Task[Failure | None]]] = {}
        self._promoting: set[asyncio.Task[Failure | None]] = set()
        self._warm: set[tuple[AgentName, NodeId]] = set()

    def warm(self) -> frozenset[tuple[AgentName, NodeId]]:
        """Which agents have run on which nodes, so that they start without delay there."""
        return frozenset(self._warm)

    def dispatch(self, task: TaskId, order: Dispatch, report: Report) -> None:
        """Start an attempt. Never raises; a second order for a live attempt is the same attempt."""
        live = self._live.setdefault(task, {})
        if order.attempt not in live:
            running = live[order.attempt] = HostedAttempt(task, order, report)
            running.waiter = asyncio.get_running_loop().create_task(self._carry_out(running))

    def flush(self, task: TaskId, attempts: Iterable[AttemptId]) -> None:
        """Cancel for real, fence, and drop what they hold."""
        flushed = list(attempts)
        live, staged = self._live.get(task, {}), self._staged.get(task, {})
        self._end([running for attempt in flushed if (running := live.pop(attempt, None)) is not None])
        self._outputs.drop(task, flushed)
        for attempt in flushed:
            staged.pop(attempt, None)

    def confirm(self, task: TaskId, attempt: AttemptId) -> None:
        """A plan of authority holds the attempt's work: where it still waits, it now waits with the confirmed ones."""
        running = self._live.get(task, {}).get(attempt)
        if running is not None:
            running.order = running.order.model_copy(update={"speculative": False})
            self._limits.confirm(attempt)

    def release(self, task: TaskId) -> None:
        """Forget every attempt and output of the task. Promotions under way run to their end."""
        self._end(list(self._live.pop(task, {}).values()))
        self._outputs.release(task)
        self._staged.pop(task, None)
        self._promotions.pop(task, None)

    def forget_node(self, node: NodeId) -> None:
        """A node has left the cluster: attempts there have failed, nothing is warm there. Safe to call twice."""
        self._warm = {(agent, on) for agent, on in self._warm if on != node}
        lost = [running for live in self._live.values() for running in live.values() if running.order.node == node]
        for running in lost:
            del self._live[running.task][running.order.attempt]
        self._end(lost)
        for running in lost:
            self._settle(running, Ended(self._seconds(running), failure=node_lost(node)))

    def promote(self, task: TaskId, attempt: AttemptId) -> None:
        """Let the staged effects of a finished attempt out, once."""
        held = self._staged.get(task, {}).pop(attempt, None)
        if held is not None:
            promotion = asyncio.get_running_loop().create_task(self._let_out(*held))
            self._promotions.setdefault(task, []).append(promotion)
            self._promoting.add(promotion)
            promotion.add_done_callback(self._promoting.discard)

    async def promoted(self, task: TaskId) -> Failure | None:
        """Wait until all that was to be let out is out; the first failure, if any came to nothing."""
        promotions = list(self._promotions.get(task, ()))
        if promotions:
            await asyncio.wait(promotions)  # who stops waiting stops none of them
        return next((failure for promotion in promotions if (failure := promotion.result()) is not None), None)

    def restore(self, task: TaskId, outputs: Mapping[AttemptId, JsonValue]) -> None:
        """After a restart: make inline outputs readable again."""
        for attempt, value in outputs.items():
            self._outputs.keep(task, attempt, value)

    async def value(self, task: TaskId, source: Source) -> JsonValue:
        """The value behind a source, fetched if it is large.

        Raises:
            LookupError: the output is gone or the path leads nowhere.
        """
        return await self._outputs.value(task, source)

    @abstractmethod
    async def _run(self, running: HostedAttempt, agent: AgentSpec, call: Invocation, bound: BoundInputs) -> Ended:
        """Run an attempt to its end; calls `_began` when the agent begins. What it raises becomes the failure."""

    @abstractmethod
    def _cancelled(self, runnings: Iterable[HostedAttempt]) -> None:
        """Stop attempts wherever they run. Does not block."""

    @abstractmethod
    async def _promote(self, call: Invocation, staged: Any) -> None:
        """Run the agent's promotion hook."""

    async def _carry_out(self, running: HostedAttempt) -> None:
        try:
            ended = await self._ended(running)
        except Exception as error:  # noqa: BLE001 - whatever dies, the attempt ends with a report
            ended = Ended(self._seconds(running), failure=failure_of(error))
        if self._is_live(running):
            del self._live[running.task][running.order.attempt]
            self._settle(running, ended)

    async def _ended(self, running: HostedAttempt) -> Ended:
        order = running.order
        agent = self.catalog.by_name.get(order.agent)
        if agent is None:
            raise ActorsError(f"no agent '{order.agent}' in the catalog", "agent", "add it to the catalog")
        async with self._limits.admission(agent, order.attempt, speculative=order.speculative):
            order = running.order  # it may have been confirmed while it waited
            bound = self._outputs.bound(running.task, order.inputs)
            call = self._invocation(running.task, order, agent, bound)
            ended = await self._run(running, agent, call, bound)
        if ended.failure is None:
            self._warm.add((agent.name, order.node))
            if ended.staged and self._is_live(running):
                self._staged.setdefault(running.task, {})[order.attempt] = (call, running.staged)
        return ended

    def _invocation(self, task: TaskId, order: Dispatch, agent: AgentSpec, bound: BoundInputs) -> Invocation:
        checks = kind_of(agent.kind).checks_schemas
        return Invocation(
            task=task,
            attempt=order.attempt,
            agent=agent.name,
            kind=agent.kind,
            target=agent.target,
            inputs=bound.inputs,
            slots=tuple(bound.slots),
            settings=agent.settings,
            work_key=order.work_key,
            speculative=order.speculative,
            timeout_s=agent.timeout_s if order.timeout_s is None else order.timeout_s,
            inline_bytes=self._inline_bytes,
            input_schema=agent.input_schema if checks else None,
            output_schema=agent.output_schema if checks else None,
        )

    def _began(self, running: HostedAttempt) -> None:
        if self._is_live(running):
            running.began_s = asyncio.get_running_loop().time()
            running.report(AttemptStarted(at_s=0.0, attempt=running.order.attempt, node=running.order.node))

    def _settle(self, running: HostedAttempt, ended: Ended) -> None:
        attempt = running.order.attempt
        if ended.handoff is not None:
            if running.body is not None:
                self._outputs.keep_reference(running.task, attempt, running.body)
            else:
                self._outputs.keep(running.task, attempt, ended.handoff.output)
            running.report(AttemptFinished(at_s=0.0, attempt=attempt, handoff=ended.handoff, seconds=ended.seconds))
        elif ended.failure is not None:
            running.report(AttemptFailed(at_s=0.0, attempt=attempt, failure=ended.failure, seconds=ended.seconds))

    def _is_live(self, running: HostedAttempt) -> bool:
        return self._live.get(running.task, {}).get(running.order.attempt) is running

    def _seconds(self, running: HostedAttempt) -> float:
        began_s = running.began_s
        return 0.0 if began_s is None else asyncio.get_running_loop().time() - began_s

    def _end(self, runnings: list[HostedAttempt]) -> None:
        """These are no longer live, so nothing they still do is reported; now stop them too."""
        for running in runnings:
            if running.waiter is not None:
                running.waiter.cancel()
                running.waiter = None  # else a cycle keeps what the attempt holds until garbage is collected
        if runnings:
            self._cancel(runnings)
        for running in runnings:
            running.hold = None

    async def _let_out(self, call: Invocation, staged: Any) -> Failure | None:
        """Promote, again if that fails: the hook is idempotent. As often and as patiently as the agent is retried."""
        retry = self.catalog.by_name[call.agent].retry
        failure = await self._promotion_failure(call, staged)
        for tried in range(1, retry.max_attempts):
            if failure is None:
                break
            await asyncio.sleep(retry.backoff_s * 2 ** (tried - 1))
            failure = await self._promotion_failure(call, staged)
        return failure

    async def _promotion_failure(self, call: Invocation, staged: Any) -> Failure | None:
        try:
            async with asyncio.timeout(call.timeout_s):
                await self._promote(call, staged)
        except Exception as error:  # noqa: BLE001 - a hook may raise anything, and the task is told of it
            _log.warning("promotion of attempt %s of agent %s failed", call.attempt, call.agent, exc_info=True)
            failure = self._promotion_error(error)
            message = f"promoting the staged output of agent '{call.agent}' failed: {failure.message}"
            return failure.model_copy(update={"message": message})
        return None

    def _promotion_error(self, error: Exception) -> Failure:
        """What went wrong, in the words of whoever raised it."""
        return failure_of(error)
