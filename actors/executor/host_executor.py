"""Runs async agents in the host of their node: at once and without an asyncio task each, where nothing delays them."""

import asyncio
from abc import abstractmethod
from collections.abc import Iterable
from itertools import count
from typing import Unpack

from ray import exceptions as rx

from actors.executor.calls import idle_limit_s
from actors.executor.fenced import FencedExecutor
from actors.executor.host import shares_a_host
from actors.executor.host_groups import HostGroups
from actors.executor.host_link import settled
from actors.executor.hosted import ExecutorOptions, HostedAttempt
from actors.executor.hosts import Next, RunningHost, after_host_end
from actors.executor.lost_processes import blocked_loop
from actors.executor.messages import Returned
from actors.executor.nodes import NodeProbe
from actors.executor.time_limits import TimeLimits
from actors.executor.waits import Stage
from actors.failures import timed_out
from actors.invocation import Ended, Invocation
from actors.payloads.outputs import BoundInputs
from planners.agents import AgentKind, AgentSpec, Catalog
from planners.model import NodeId, TaskId
from reconciler.runtime.ports import Report
from reconciler.state.commands import Dispatch
from reconciler.state.handoff import Failure, FailureKind

# Kinds that run on a loop enforce their timeout themselves; this much later the executor does.
GRACE_S = 5.0


class HostExecutor(FencedExecutor):
    """Sends attempts that nothing delays to the host of their node at once. Thousands of them wait at little cost.

    Such an attempt has no asyncio task. It gets one only if it does not simply return: if it fails, exceeds its time,
    makes a large output or stages effects, or its host ends. The task then awaits the end that is under way.
    """

    def __init__(self, catalog: Catalog, heartbeat_timeout_s: float, **options: Unpack[ExecutorOptions]) -> None:
        """Set up; starts nothing. ``heartbeat_timeout_s``: see `RayExecutor`."""
        super().__init__(catalog, **options)
        self._groups = HostGroups(heartbeat_timeout_s, self.name, self._report_arrived, self._warm.discard, self._logs)
        self._hosts = self._groups.shared
        self._heartbeat_timeout_s = heartbeat_timeout_s
        self._probe = NodeProbe()
        self._time_limits = TimeLimits(self._awaited)
        self._took_end = self._returned  # bound once: thousands of attempts keep it

    async def prepare(self, nodes: Iterable[NodeId]) -> None:
        """Start the hosts of these nodes, so that the first attempts there do not wait for them."""
        await asyncio.gather(*(self._hosts.on(node) for node in nodes), return_exceptions=True)

    def dispatch(self, task: TaskId, order: Dispatch, report: Report) -> None:
        """See `FencedExecutor.dispatch`."""
        agent = self.catalog.by_name.get(order.agent)
        host = self._hosts.ready(order.node)
        if agent is None or host is None or order.node in self._lost_nodes or not self._goes_at_once(order, agent):
            super().dispatch(task, order, report)
        elif order.attempt not in self._live.setdefault(task, {}):
            self._send(HostedAttempt(task, order, report, self._limits), agent, host)

    def _goes_at_once(self, order: Dispatch, agent: AgentSpec) -> bool:
        return shares_a_host(agent) and agent.kind is not AgentKind.BATCH and self._is_simple(order, agent)

    def _is_simple(self, order: Dispatch, agent: AgentSpec) -> bool:
        """Whether neither a limit nor the result cache may delay an attempt, and nobody watches what it tells."""
        watched = idle_limit_s(order, agent) is not None or order.cached or order.mailbox is not None
        return not watched and self._limits.admits(agent)

    def _taken(self, hosted: HostedAttempt, agent: AgentSpec) -> tuple[Invocation, BoundInputs] | None:
        """The call and inputs of an attempt without an asyncio task. None: they cannot be made, and it got a task."""
        order = hosted.order
        self._live[hosted.task][order.attempt] = hosted
        try:
            bound = self._outputs.bound(hosted.task, order.inputs)
            return self._calls.bound(hosted.task, order, agent, bound, self.catalog), bound
        except Exception:  # noqa: BLE001 -- the asyncio task meets the same error, and reports it as the attempt's end
            self._wait_for(hosted)
            return None

    def _send(self, hosted: HostedAttempt, agent: AgentSpec, host: RunningHost) -> None:
        if (taken := self._taken(hosted, agent)) is None:
            return
        call, bound = taken
        hosted.stage, hosted.handle = Stage.HOST, host.link
        host.attempts += 1
        hosted.sent, hosted.returned = host, self._took_end
        host.link.start(call, bound.blobs, hosted)
        if call.timeout_s is not None:
            self._time_limits.add(hosted, call.timeout_s + GRACE_S)
        asyncio.get_running_loop().call_soon(self._began, hosted)  # one that is flushed before has not begun

    def _returned(self, hosted: HostedAttempt, told: Returned | Exception) -> bool:
        """A host has told the end of an attempt, or has ended itself; whether the attempt is live."""
        host: RunningHost = hosted.sent
        self._time_limits.discard(hosted)
        host.attempts -= 1
        host.end_soon_if_unused()
        return self._took(hosted, told)

    def _took(self, hosted: HostedAttempt, told: Returned | Exception) -> bool:
        """Report the end of an attempt that has no asyncio task, or leave that to one; whether the attempt is live."""
        if not self._is_live(hosted):
            return False
        if hosted.end is not None or (ended := _simply_ended(told)) is None:
            return settled(self._awaited(hosted), told)
        self._notices.log(self.catalog.by_name[hosted.order.agent], ended)
        self._warm.add((hosted.order.agent, hosted.order.node))
        self._report_output(hosted, ended.logs)
        del self._live[hosted.task][hosted.order.attempt]
        self._report_end(hosted, ended)
        return True

    def _awaited(self, hosted: HostedAttempt) -> "asyncio.Future[Returned]":
        """From now on an asyncio task waits for the end of an attempt: the future that it waits for."""
        if hosted.end is None:
            hosted.end = asyncio.get_running_loop().create_future()
            self._wait_for(hosted)
        return hosted.end

    def _wait_for(self, hosted: HostedAttempt) -> None:
        """Carry a live attempt on in an asyncio task."""
        if self._is_live(hosted) and hosted.waiter is None:
            hosted.waiter = asyncio.get_running_loop().create_task(self._carry_out(hosted))

    async def _in_hosts(self, hosted: HostedAttempt, agent: AgentSpec, call: Invocation, bound: BoundInputs) -> Ended:
        """Run an attempt in the node's host, and again if that ends through another attempt."""
        node, hosts = hosted.order.node, self._groups.of(agent)
        hosted.stage = Stage.HOST
        for ended_hosts in count(1):
            host = await hosts.on(node) if hosted.sent is None else hosted.sent
            try:
                return await self._in_host(hosted, host, call, bound)
            except rx.RayActorError:
                if not await self._probe.is_alive(node):
                    raise
            hosted.handle = hosted.sent = None
            end = await hosts.end_of(host)
            match after_host_end(call.attempt, end, ended_hosts):
                case Next.ALONE:
                    break
                case Next.FAILED:
                    late = call.timeout_s is not None and self._seconds(hosted) > call.timeout_s
                    failure = blocked_loop(agent.name, self._heartbeat_timeout_s, end.stack)
                    if late:
                        failure = timed_out(call.timeout_s, stack=end.stack)
                    return Ended(self._seconds(hosted), failure=failure)
        return await self._in_worker(hosted, agent, call, bound)

    async def _in_host(self, hosted: HostedAttempt, host: RunningHost, call: Invocation, bound: BoundInputs) -> Ended:
        with host.in_use():
            return await self._run_in_host(hosted, host, call, bound)

    async def _run_in_host(
        self, hosted: HostedAttempt, host: RunningHost, call: Invocation, bound: BoundInputs
    ) -> Ended:
        left_s = None if call.timeout_s is None else call.timeout_s + GRACE_S
        if hosted.sent is None or hosted.end is None:
            hosted.handle = host.link
            hosted.output.restart()
            end = host.link.run(call, bound.blobs)
            hosted.connect(host.link)
            self._began(hosted)
        else:
            end = hosted.end
            left_s = None if left_s is None else left_s - self._seconds(hosted)
        try:
            async with asyncio.timeout(left_s):
                returned = await end
        except TimeoutError:
            self._cancel([hosted])  # the agent ignores its timeout; if it blocks the host, the heartbeat shows it
            return Ended(self._seconds(hosted), failure=timed_out(call.timeout_s))
        if returned.ended is None:
            return Ended(self._seconds(hosted), failure=Failure(kind=FailureKind.CANCELLED, message="cancelled"))
        if returned.is_large:
            hosted.body = await host.link.body(call.attempt)
        hosted.staged = returned.staged
        return returned.ended

    @abstractmethod
    async def _in_worker(self, hosted: HostedAttempt, agent: AgentSpec, call: Invocation, bound: BoundInputs) -> Ended:
        """Run an attempt in a process of its own."""


def _simply_ended(returned: Returned | Exception) -> Ended | None:
    """The end of an attempt that has returned a small output and nothing else; None if it has not."""
    if isinstance(returned, Exception):
        return None
    if returned.ended is None or returned.ended.failure is not None or returned.is_large or returned.staged:
        return None
    return returned.ended
