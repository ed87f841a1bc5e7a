"""What all executors share: fencing, limits, outputs and reports. Subclasses decide where agents run."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Unpack
from uuid import uuid4

from pydantic import JsonValue

from actors.admission.limits import AdmissionLimits
from actors.errors import ActorsError
from actors.executor.cached_results import with_results
from actors.executor.calls import Calls, idle_limit_s
from actors.executor.hosted import ExecutorOptions, HostedAttempt, held_by, watch_progress
from actors.executor.lost_processes import node_lost, preempted
from actors.executor.notice_log import NoticeLog
from actors.executor.outages import is_down, left_alone, to_divert
from actors.executor.output import log_host_lines
from actors.executor.promotions import RunningPromotions
from actors.executor.readings import Held
from actors.executor.staged_outputs import StagedOutputs
from actors.executor.waits import limit_wait, start_wait
from actors.failures import failure_of, is_being_cancelled, with_inputs
from actors.invocation import Ended, Invocation
from actors.logs.limits import LogLimits
from actors.payloads.outputs import BoundInputs, Outputs, Reference
from actors.payloads.store import ReturnedPayloads
from actors.result_cache import ResultCache
from planners.agents import AgentSpec, Catalog
from planners.cluster import Outage
from planners.model import AgentName, AttemptId, NodeId, TaskId
from reconciler.log_context import log_ids
from reconciler.runtime.ports import Report
from reconciler.state.commands import Dispatch, Source
from reconciler.state.events import AttemptFailed, AttemptFinished, AttemptStarted
from reconciler.state.handoff import Failure, Handoff
from reconciler.state.messages import MailboxMessage
from reconciler.state.waiting import DispatchWait
from reconciler.views.logs import LogBatch

INLINE_BYTES = 16 * 1024
VERIFY_TIMEOUT_S = 30.0
# What the process of a hook may take to start, on a busy machine.
_PROCESS_START_S = 15.0


class FencedExecutor(ABC):
    """Carries out attempts; fulfils `reconciler.runtime.ports.Executor`.

    Guarantees: one AttemptFinished or AttemptFailed for every attempt that is not flushed; no report after `flush` or
    `release`, whether or not the cancellation arrived; no reference to an output outlives its task. Lives on one event
    loop, and reports are called on it.
    """

    def __init__(self, catalog: Catalog, **options: Unpack[ExecutorOptions]) -> None:
        """Set up; starts nothing. See `ExecutorOptions`."""
        self.catalog = catalog
        self._verify_timeout_s = options.get("verify_timeout_s", VERIFY_TIMEOUT_S)
        self._limits = options.get("limits") or AdmissionLimits(catalog)
        self._payloads = options.get("payloads", ReturnedPayloads())
        self.name = uuid4().hex
        self._logs = options.get("logs", LogLimits())
        inline_bytes, addresses = options.get("inline_bytes", INLINE_BYTES), options.get("callbacks")
        self._calls = Calls(inline_bytes, self._payloads, self._logs, self.name, addresses)
        self._results = options["results"] if "results" in options else ResultCache(time.monotonic)
        self._cancel = options.get("cancel") or self._cancelled
        self._live: dict[TaskId, dict[AttemptId, HostedAttempt]] = {}
        self._staged = StagedOutputs()
        self._promotions = RunningPromotions(self._promote, self._hook_failure)
        self._warm: set[tuple[AgentName, NodeId]] = set()
        self._lost_nodes: set[NodeId] = set()
        self._outputs, self._notices = Outputs(self._payloads), NoticeLog()

    def warm(self) -> frozenset[tuple[AgentName, NodeId]]:
        """Which agents have run on which nodes, so that they start without delay there."""
        return frozenset(self._warm)

    def held(self) -> dict[NodeId, Held]:
        """What the live attempts hold on each node, or wait for there."""
        return held_by((hosted for live in self._live.values() for hosted in live.values()), self.catalog)

    def dispatch(self, task: TaskId, order: Dispatch, report: Report) -> None:
        """Start an attempt. Never raises; a second order for a live attempt is ignored."""
        live = self._live.setdefault(task, {})
        if order.attempt not in live:
            hosted = live[order.attempt] = HostedAttempt(task, order, report, self._limits)
            hosted.waiter = asyncio.get_running_loop().create_task(self._carry_out(hosted))

    def reload(self, catalog: Catalog) -> None:
        """Use these agents for attempts that are dispatched from now on. Earlier ones go on as they began.

        Agents that are gone stay for the runs that still need them. Where limits have changed, attempts under the
        former ones are not counted against the new ones.
        """
        self.catalog = catalog.keeping(self.catalog)
        self._limits = self._limits.reloaded(self.catalog)

    def deliver(self, task: TaskId, attempt: AttemptId, messages: Sequence[MailboxMessage]) -> None:
        """Hand messages to an attempt that may not have begun yet. One that has ended gets nothing."""
        if (hosted := self._live.get(task, {}).get(attempt)) is not None:
            hosted.take(messages)

    def wait_of(self, task: TaskId, attempt: AttemptId) -> DispatchWait | None:
        """Why an attempt has not begun; None if it has."""
        hosted = self._live.get(task, {}).get(attempt)
        if hosted is None or hosted.began_s is not None:
            return None
        queued = hosted.limits.told(attempt, asyncio.get_running_loop().time())
        return self._room_wait(hosted) if queued is None else limit_wait(queued)

    def flush(self, task: TaskId, attempts: Iterable[AttemptId]) -> None:
        """Cancel attempts, fence them, and drop what they hold."""
        flushed = list(attempts)
        live = self._live.get(task, {})
        self._stop([hosted for attempt in flushed if (hosted := live.pop(attempt, None)) is not None])
        self._outputs.drop(task, flushed)
        self._staged.drop(task, flushed)

    def confirm(self, task: TaskId, attempt: AttemptId) -> None:
        """The attempt is no longer speculative. If it waits for a limit, it now waits with the confirmed ones."""
        hosted = self._live.get(task, {}).get(attempt)
        if hosted is not None:
            hosted.order = hosted.order.model_copy(update={"speculative": False})
            hosted.limits.confirm(attempt)

    def release(self, task: TaskId) -> None:
        """Forget the task: cancel the attempts that still run and drop all outputs. Started promotions go on."""
        self._stop(list(self._live.pop(task, {}).values()))
        self._outputs.release(task)
        self._staged.release(task)
        self._promotions.release(task)
        self._results.forget_task(task)

    def forget_node(self, node: NodeId) -> None:
        """A node is lost for good: its attempts have failed, and so does whatever is still sent there.

        What it may still report is inert, even if it was only cut off. Safe to call twice.
        """
        self._lost_nodes.add(node)
        self._warm -= {(agent, on) for agent, on in self._warm if on == node}
        for hosted in [hosted for live in self._live.values() for hosted in live.values()]:
            if hosted.order.node == node:
                self._end(hosted, node_lost(node, never_began=hosted.handle is None))

    def staged(self, task: TaskId, attempt: AttemptId) -> Mapping[str, bytes]:
        """What a finished attempt has staged and nobody has promoted; empty if there is nothing."""
        return self._staged.of(task, attempt)

    def restore_staged(self, task: TaskId, order: Dispatch, staged: Mapping[str, bytes]) -> None:
        """After a restart: what the attempt of this order has staged can be promoted again."""
        if staged:
            self._staged.keep(self._calls.of(task, order, self.catalog.by_name[order.agent]), staged)

    def promote(self, task: TaskId, attempt: AttemptId) -> None:
        """Start to promote the staged output of a finished attempt, once."""
        if (staged := self._staged.take(task, attempt)) is not None:
            self._promotions.start(task, staged.call, staged.what, self.catalog.by_name[staged.call.agent].retry)

    async def promoted(self, task: TaskId, attempt: AttemptId | None = None) -> Failure | None:
        """Wait for one promotion, or for all of the task; the first failure. Cancelling the wait stops no promotion."""
        return await self._promotions.settled(task, attempt)

    def stop_promotions(self, task: TaskId) -> tuple[AttemptId, ...]:
        """Cancel the promotions of a task that are under way.

        Returns:
            The attempts whose effects may or may not be out.
        """
        return self._promotions.stop(task)

    async def verification(self, task: TaskId, attempt: AttemptId, agent: AgentName) -> Handoff | None:
        """Ask the agent's verify hook about an attempt that died: what it returned, or None if its act did not happen.

        Raises:
            LookupError: it is not known, because there is no hook, or it cannot tell, fails or takes too long.
        """
        spec = self.catalog.by_name.get(agent)
        if spec is None:
            raise LookupError(f"no agent '{agent}' in the catalog")
        try:
            async with asyncio.timeout(self._verify_timeout_s + _PROCESS_START_S):
                call = replace(self._calls.bare(task, attempt, spec), timeout_s=self._verify_timeout_s)
                ended, body = await self._verify(call)
        except TimeoutError:
            took = f"took longer than {self._verify_timeout_s:g} s"
            raise LookupError(f"the verify hook of agent '{agent}' {took}") from None
        except Exception as error:
            raise LookupError(self._hook_failure(error).message) from error
        if ended is None or ended.handoff is None:
            return None
        self._outputs.keep_of(task, attempt, ended.handoff, body)
        return ended.handoff

    def restore(self, task: TaskId, outputs: Mapping[AttemptId, JsonValue], stored: Iterable[AttemptId] = ()) -> None:
        """After a restart: make outputs of finished attempts readable again. ``stored``: whose are in the store."""
        self._outputs.restore(task, outputs, stored)

    async def value(self, task: TaskId, source: Source) -> JsonValue:
        """The value of a source, fetched if it is large.

        Raises:
            LookupError: the output is gone, or the path does not exist in it.
        """
        return await self._outputs.value(task, source)

    @abstractmethod
    async def _run(self, hosted: HostedAttempt, agent: AgentSpec, call: Invocation, bound: BoundInputs) -> Ended:
        """Run an attempt to its end; call `_began` when the agent begins. What it raises becomes the failure."""

    def _room_wait(self, hosted: HostedAttempt) -> DispatchWait:
        """Why an attempt that no limit delays has not begun."""
        return start_wait(hosted.order.node)

    @abstractmethod
    def _cancelled(self, attempts: Iterable[HostedAttempt]) -> None:
        """Stop attempts wherever they run. Does not block."""

    @abstractmethod
    async def _promote(self, call: Invocation, staged: Mapping[str, bytes]) -> None:
        """Run the agent's promotion hook."""

    @abstractmethod
    async def _verify(self, call: Invocation) -> tuple[Ended | None, Reference | None]:
        """Run the agent's verify hook: the end of the attempt if its act happened, and its output if large."""

    async def _carry_out(self, hosted: HostedAttempt) -> None:
        try:
            with log_ids(step=hosted.order.step, attempt=hosted.order.attempt):
                ended = await with_results(self._results, hosted, self.catalog, self._outputs, self._ended)
        except (Exception, asyncio.CancelledError) as error:  # whatever breaks, the attempt ends with a report
            if is_being_cancelled():
                raise
            ended = Ended(self._seconds(hosted), failure=failure_of(error))
        if self._is_live(hosted):
            self._report_output(hosted, ended.logs)
            del self._live[hosted.task][hosted.order.attempt]
            self._report_end(hosted, ended)

    async def _ended(self, hosted: HostedAttempt) -> Ended:
        order = hosted.order
        agent = self.catalog.by_name.get(order.agent)
        if agent is None:
            raise ActorsError(f"no agent '{order.agent}' in the catalog", "agent", "add it to the catalog")
        if hosted.sent is None and order.fallback and self._is_down(agent):
            return Ended(0.0, failure=left_alone(agent))
        async with hosted.admission(agent, self._preempt):
            order = hosted.order  # it may have been confirmed while it waited
            if order.node in self._lost_nodes:
                return Ended(0.0, failure=node_lost(order.node, never_began=True))
            bound = self._outputs.bound(hosted.task, order.inputs)
            call = self._calls.bound(hosted.task, order, agent, bound, self.catalog)
            ended = with_inputs(await self._run(hosted, agent, call, bound), call)
            ended = self._with_outage(hosted, agent, ended)
        self._notices.log(agent, ended)
        if ended.failure is None:
            self._warm.add((agent.name, order.node))
            if hosted.staged and self._is_live(hosted):
                self._staged.keep(call, hosted.staged)
        elif agent.provider is not None and ended.failure.retry_after_s is not None:
            until_s = asyncio.get_running_loop().time() + ended.failure.retry_after_s
            self._limits.cool_down(agent.provider, until_s)
        return ended

    def outages(self) -> tuple[Outage, ...]:
        """Providers and agents that do not answer."""
        return self._limits.outages()

    def _is_down(self, agent: AgentSpec) -> bool:
        return any(outage.concerns(agent) for outage in self.outages())

    def _with_outage(self, hosted: HostedAttempt, agent: AgentSpec, ended: Ended) -> Ended:
        """Tell the circuit breakers how an attempt has ended. While one is open, no failure uses up a try."""
        down = is_down(agent, ended.failure)
        hosted.limits.record(agent, down=down)
        if ended.failure is None or not down or not self._is_down(agent):
            return ended
        for waiting in to_divert(self._live, self.catalog, self._is_down):
            self._end(waiting, left_alone(self.catalog.by_name[waiting.order.agent]))
        return replace(ended, failure=ended.failure.model_copy(update={"counts": False, "unavailable": True}))

    def _preempt(self, hosted: HostedAttempt) -> None:
        """End a speculative attempt, because confirmed work needs its place."""
        if self._is_live(hosted) and hosted.order.speculative:
            self._end(hosted, preempted())

    def _end(self, hosted: HostedAttempt, failure: Failure) -> None:
        """Stop a live attempt and report that it failed."""
        del self._live[hosted.task][hosted.order.attempt]
        self._stop([hosted])
        self._report_end(hosted, Ended(self._seconds(hosted), failure=failure))

    def _began(self, hosted: HostedAttempt) -> None:
        """Report that the agent has begun, the first time: an attempt may run again after its host has died."""
        if self._is_live(hosted) and hosted.began_s is None:
            hosted.began_s = asyncio.get_running_loop().time()
            hosted.report(AttemptStarted(at_s=0.0, attempt=hosted.order.attempt, node=hosted.order.node))
            idle_s = idle_limit_s(hosted.order, self.catalog.by_name[hosted.order.agent])
            watch_progress(hosted, idle_s, self._logs, self._end)

    def _report_output(self, hosted: HostedAttempt, batches: Iterable[LogBatch]) -> None:
        """Report what the attempt has printed and logged, each line once."""
        for batch in batches if self._is_live(hosted) else ():
            if (new := hosted.output.news(batch)) is not None:
                hosted.tell(new)

    def _report_arrived(self, node: NodeId, batches: Iterable[LogBatch]) -> None:
        """Report lines of live attempts. Those of others are dropped, as all that they still report."""
        for batch in batches:
            if not batch.attempt:
                log_host_lines(node, batch)
                continue
            live = self._live.get(TaskId(batch.attempt.rpartition(".")[0]), {})
            if (hosted := live.get(batch.attempt)) is not None:
                self._report_output(hosted, (batch,))

    def _report_end(self, hosted: HostedAttempt, ended: Ended) -> None:
        attempt = hosted.order.attempt
        if ended.handoff is not None:
            self._outputs.keep_of(hosted.task, attempt, ended.handoff, hosted.body)
            hosted.report(AttemptFinished(at_s=0.0, attempt=attempt, handoff=ended.handoff, seconds=ended.seconds))
        elif ended.failure is not None:
            hosted.report(AttemptFailed(at_s=0.0, attempt=attempt, failure=ended.failure, seconds=ended.seconds))

    def _is_live(self, hosted: HostedAttempt) -> bool:
        return self._live.get(hosted.task, {}).get(hosted.order.attempt) is hosted

    def _seconds(self, hosted: HostedAttempt) -> float:
        began_s = hosted.began_s
        return 0.0 if began_s is None else asyncio.get_running_loop().time() - began_s

    def _stop(self, attempts: list[HostedAttempt]) -> None:
        """Stop attempts that are no longer live, so that nothing they still do is reported."""
        for hosted in attempts:
            if hosted.waiter is not None:
                hosted.waiter.cancel()
            hosted.waiter = None  # else a cycle keeps what the attempt holds until garbage is collected
        if attempts:
            self._cancel(attempts)
        for hosted in attempts:
            hosted.handle = None

    def _hook_failure(self, error: Exception) -> Failure:
        """The failure of a promote or verify hook."""
        return failure_of(error)
