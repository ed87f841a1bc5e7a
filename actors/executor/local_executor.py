"""An executor without Ray that runs agents in this process: async agents on its event loop, others in threads."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, Unpack

from actors.admission.node_room import NodeRoom
from actors.executor.captured import Captures
from actors.executor.daemon_threads import DaemonThreads
from actors.executor.execution import run_async, run_in_process, run_promotion, run_verification
from actors.executor.fenced import FencedExecutor
from actors.executor.hosted import ExecutorOptions, HostedAttempt
from actors.executor.waits import limit_wait
from actors.failures import timed_out
from actors.invocation import Ended, Invocation, Result
from actors.kinds.command_agent import stop_command
from actors.kinds.kind import kind_of
from actors.logs.attempt_capture import AttemptCapture
from actors.mailbox import AttemptMailbox
from actors.payloads.outputs import BoundInputs, Reference
from planners.agents import AgentKind, AgentSpec, Catalog
from planners.model import AgentName, AttemptId, NodeId, TaskId
from planners.resources import Resources
from reconciler.state.waiting import DispatchWait


class LocalExecutor(FencedExecutor):
    """Fulfils `reconciler.runtime.ports.Executor` in this process.

    A thread cannot be stopped: a sync agent that is flushed or exceeds its timeout goes on, fenced, until it returns or
    the process ends. Commands are stopped. Values are copied through JSON, as they are between processes.
    """

    def __init__(
        self, catalog: Catalog, nodes: Mapping[NodeId, Resources] | None = None, **options: Unpack[ExecutorOptions]
    ) -> None:
        """Set up.

        Args:
            catalog: the agents.
            nodes: what the attempts on each node may hold together; on any other node there is no bound.
            options: see `FencedExecutor`.
        """
        super().__init__(catalog, **options)
        self._rooms = {node: NodeRoom(total, catalog.agents) for node, total in (nodes or {}).items()}
        self._threads = DaemonThreads()

    def confirm(self, task: TaskId, attempt: AttemptId) -> None:
        """As `FencedExecutor`; the attempt may also wait for room on its node."""
        super().confirm(task, attempt)
        for room in self._rooms.values():
            room.confirm(attempt)

    def close(self) -> None:
        """End what can be ended: attempts on the event loop, commands, promotions."""
        for task in list(self._live):
            self.release(task)
        self._promotions.close()
        self._results.close()

    async def _run(self, hosted: HostedAttempt, agent: AgentSpec, call: Invocation, bound: BoundInputs) -> Ended:
        async with self._room(hosted, agent):
            self._began(hosted)
            hosted.handle = asyncio.ensure_future(self._hosted(hosted, agent, call, bound))
            return await asyncio.shield(hosted.handle)

    def _room_wait(self, hosted: HostedAttempt) -> DispatchWait:
        order, now_s = hosted.order, asyncio.get_running_loop().time()
        room = self._rooms.get(order.node)
        queued = None if room is None else room.told(order.attempt, now_s)
        return super()._room_wait(hosted) if queued is None else limit_wait(queued)

    @asynccontextmanager
    async def _room(self, hosted: HostedAttempt, agent: AgentSpec) -> AsyncIterator[None]:
        if (room := self._rooms.get(hosted.order.node)) is None:
            yield
            return
        async with room.admission(agent, hosted.order.attempt, speculative=hosted.order.speculative):
            yield

    async def _hosted(self, hosted: HostedAttempt, agent: AgentSpec, call: Invocation, bound: BoundInputs) -> Ended:
        call.inputs.update(json.loads(json.dumps(call.inputs)))
        blobs = tuple([await blob for blob in bound.blobs])
        if kind_of(agent.kind).runs_on_loop:
            result = await self._on_loop(call, blobs, self._captures(hosted), self._mailbox(hosted, call))
        else:
            result = await self._in_thread(call, blobs, self._captures(hosted))
        if result.body is not None:
            hosted.body = Kept(result.body)
        hosted.staged = result.staged
        return result.ended

    def _captures(self, hosted: HostedAttempt) -> Captures:
        """Lines are reported while the attempt runs, those of one turn of the event loop together."""
        loop, pending = asyncio.get_running_loop(), False

        def report(capture: AttemptCapture) -> None:
            nonlocal pending
            pending = False
            if not capture.closed and (batch := capture.batch()) is not None:
                self._report_output(hosted, (batch,))
                capture.arrived(batch.first + batch.length - 1)

        def note(capture: AttemptCapture) -> None:
            nonlocal pending
            if not pending and not capture.closed:
                pending = True
                with suppress(RuntimeError):  # the event loop is closed: a thread has outlived it
                    loop.call_soon_threadsafe(report, capture)

        return Captures(on_line=note)

    @staticmethod
    def _mailbox(hosted: HostedAttempt, call: Invocation) -> AttemptMailbox | None:
        if call.mailbox is None:
            return None
        mailbox = AttemptMailbox(call.step, call.mailbox, hosted.post, call.inline_bytes)
        hosted.hear = mailbox.take
        mailbox.take(hosted.mail or ())
        return mailbox

    async def _on_loop(
        self, call: Invocation, blobs: tuple[Any, ...], captures: Captures, mailbox: AttemptMailbox | None
    ) -> Result:
        """Run an async agent; it takes as long as the clock of the loop says, which may be virtual."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        result = await run_async(call, blobs, captures, mailbox)
        return replace(result, ended=replace(result.ended, seconds=loop.time() - began_s))

    async def _in_thread(self, call: Invocation, blobs: tuple[Any, ...], captures: Captures) -> Result:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            async with asyncio.timeout(call.timeout_s):
                return await loop.run_in_executor(self._threads, run_in_process, call, blobs, captures)
        except TimeoutError:
            stop_command(call.attempt)
            return Result(Ended(loop.time() - began_s, failure=timed_out(call.timeout_s)))

    def _cancelled(self, attempts: Iterable[HostedAttempt]) -> None:
        for hosted in attempts:
            if hosted.handle is not None:
                hosted.handle.cancel()
                if self._kind(hosted.order.agent) is AgentKind.COMMAND:
                    stop_command(hosted.order.attempt)

    def _kind(self, agent: AgentName) -> AgentKind | None:
        spec = self.catalog.by_name.get(agent)
        return None if spec is None else spec.kind

    async def _promote(self, call: Invocation, staged: Mapping[str, bytes]) -> None:
        await run_promotion(call, dict(staged))

    async def _verify(self, call: Invocation) -> tuple[Ended | None, Reference | None]:
        result = await run_verification(call)
        if result is None:
            return None, None
        return result.ended, None if result.body is None else Kept(result.body)


class Kept:
    """A large output, as an awaitable."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def __await__(self) -> Any:
        return self._body
        yield  # makes this a generator, which is what awaiting needs
