"""The host actors of one executor: one per node, started when first needed, replaced when dead or blocked."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import ray
from ray import exceptions as rx

from actors.errors import NoSuchNode
from actors.executor.host import MAX_AGENTS_PER_HOST, Host, HostProcess
from actors.executor.host_link import HostLink
from actors.executor.nodes import pinned, ray_amounts
from actors.executor.process_remains import ProcessRemains
from planners.model import AttemptId, NodeId
from planners.resources import Resources
from reconciler.views.logs import LogBatch

# How often a host is asked, as a share of the timeout.
_INTERVAL = 0.25
# An attempt whose process is gone waits so long for its last lines.
_LEFT_TIMEOUT_S = 20.0
# If this process itself was late by so much, a missing answer proves nothing.
_OWN_DELAY_S = 0.5
# A host that imports agents does not answer for some seconds.
_REMAINS_S = 10.0
_RETIRED_GRACE_S = 2.0

OnOutput = Callable[[NodeId, Iterable[LogBatch]], None]


@dataclass(eq=False, slots=True)
class RunningHost:
    """A host that is ready.

    ``blocked``: it was killed because its event loop did not answer. ``uses``: how many attempts have run in it.
    ``on_idle``: called whenever the last of them has ended.
    """

    node: NodeId
    actor: Any
    link: HostLink
    process: HostProcess
    blocked: bool = False
    retired: bool = False
    attempts: int = 0
    uses: int = 0
    on_idle: "Callable[[RunningHost], None] | None" = None
    watch: asyncio.Task[None] | None = None
    output: asyncio.Task[None] | None = None
    end: "asyncio.Task[HostEnd] | None" = None

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """An attempt runs in it. A retired host is killed when its last attempt has ended."""
        self.attempts += 1
        self.uses += 1
        try:
            yield
        finally:
            self.attempts -= 1
            self.end_soon_if_unused()
            if self.attempts == 0 and self.on_idle is not None:
                self.on_idle(self)

    def end_soon_if_unused(self) -> None:
        """Kill a retired host in which no attempt runs, after a moment: what its attempts have printed arrives late."""
        if self.retired and self.attempts == 0:
            asyncio.get_running_loop().call_later(_RETIRED_GRACE_S, self._end_if_unused)

    def _end_if_unused(self) -> None:
        if self.attempts == 0:
            for following in (self.watch, self.output):
                if following is not None:
                    following.cancel()
            kill(self.actor)


@dataclass(frozen=True, slots=True)
class HostEnd:
    """Why a host ended.

    ``culprit``: the attempt whose code was running then (None: not known). ``blocked``: it blocked the event loop, and
    ``stack`` tells where.
    """

    culprit: AttemptId | None
    blocked: bool
    stack: str = ""


class Next(Enum):
    """What becomes of an attempt whose host ended."""

    IN_A_HOST = auto()
    ALONE = auto()
    FAILED = auto()


def after_host_end(attempt: AttemptId, end: HostEnd, ended_hosts: int) -> Next:
    """What becomes of an attempt whose host ended; ``ended_hosts`` counts those that ended under it so far.

    An innocent attempt runs again in a host. A suspect runs again in a process of its own, so that only it can be the
    cause if that dies too. An attempt that blocked the event loop has failed.
    """
    if end.culprit == attempt:
        return Next.FAILED if end.blocked else Next.ALONE
    return Next.ALONE if end.culprit is None or ended_hosts > 1 else Next.IN_A_HOST


class Hosts:
    """Node -> its host actor.

    Attributes:
        resources: what each of them holds.
        told_only: whether only the progress and artefacts of attempts are captured.
        release_after_s: a host in which no attempt has run for so long ends; None: never.
        on_release: called with its node then.
    """

    def __init__(
        self,
        heartbeat_timeout_s: float,
        executor: str = "",
        on_output: OnOutput | None = None,
        resources: Resources | None = None,
    ) -> None:
        """Set up; starts nothing.

        Args:
            heartbeat_timeout_s: a host whose event loop does not answer for so long is replaced.
            executor: the name of the executor; empty: hosts capture nothing.
            on_output: called with what attempts have printed and logged.
            resources: what each of them holds on its node.
        """
        self.resources = resources or Resources()
        self._heartbeat_timeout_s = heartbeat_timeout_s
        self._executor = executor
        self._on_output = on_output
        self.told_only = False
        self.release_after_s: float | None = None
        self.on_release: Callable[[NodeId], object] = lambda _: None
        self._starting: dict[NodeId, asyncio.Task[RunningHost]] = {}
        self._ready: dict[NodeId, RunningHost] = {}
        self._retired: list[RunningHost] = []
        self._options: Mapping[str, Any] = {}

    async def on(self, node: NodeId) -> RunningHost:
        """The node's host, ready.

        Raises:
            RayError: it cannot be started there.
            NoSuchNode: there is no such node.
        """
        if (ready := self._ready.get(node)) is not None:
            return ready
        return await asyncio.shield(self._begin(node))

    def ready(self, node: NodeId) -> RunningHost | None:
        """The node's host, if it is ready."""
        return self._ready.get(node)

    def follow(self, node: NodeId) -> None:
        """Pass on what worker processes on a node print and log: its host, which does that, starts unless it runs."""
        if self._on_output is not None and node not in self._ready:
            self._begin(node)

    def _begin(self, node: NodeId) -> asyncio.Task[RunningHost]:
        if node not in self._starting:
            starting = self._starting[node] = asyncio.ensure_future(self._start(node))
            starting.add_done_callback(lambda started: self._started(node, started))
        return self._starting[node]

    async def end_of(self, host: RunningHost) -> HostEnd:
        """Replace a host whose process does not answer any more, and find out why it ended.

        Raises:
            RayError: no host can be started on its node.
        """
        if host.end is None:
            host.end = asyncio.ensure_future(self._replace(host))
            host.end.add_done_callback(_retrieved)
        return await asyncio.shield(host.end)

    async def remains(self, node: NodeId, stack: str) -> ProcessRemains:
        """What is left of a process of this node. Nothing if the node does not answer soon: nobody waits for it."""
        try:
            async with asyncio.timeout(_REMAINS_S):
                host = await self.on(node)
                left: ProcessRemains = await host.actor.remains.remote(stack)
        except (rx.RayError, NoSuchNode, TimeoutError):
            return ProcessRemains()
        return left

    def nodes(self) -> dict[NodeId, bool]:
        """The nodes with a host, and whether it is ready."""
        return dict.fromkeys(self._starting, False) | dict.fromkeys(self._ready, True)

    def drop(self, node: NodeId, host: RunningHost | None = None) -> Any:
        """Kill the node's host, if it is still this one (None: any), and return its actor."""
        known = self._ready.get(node)
        if known is None or host not in (None, known):
            return None
        del self._ready[node]
        for following in (known.watch, known.output):
            if following is not None:
                following.cancel()
        kill(known.actor)
        return known.actor

    def idle(self, host: RunningHost) -> None:
        """No attempt runs in a host any more: it ends, unless one begins soon enough."""
        if self.release_after_s is not None:
            asyncio.get_running_loop().call_later(self.release_after_s, self._release, host, host.uses)

    def _release(self, host: RunningHost, uses: int) -> None:
        if host.uses == uses and not host.attempts and self.drop(host.node, host) is not None:
            self.on_release(host.node)

    def retire(self, options: Mapping[str, Any]) -> None:
        """Start new hosts, with these Ray options, for later attempts. Present hosts end with their last attempt."""
        self._options = options
        leaving, self._ready = self._ready, {}
        self._retired = [*(host for host in self._retired if host.attempts), *leaving.values()]
        for host in leaving.values():
            host.retired = True
            host.end_soon_if_unused()
        for starting in self._starting.values():
            starting.add_done_callback(self._retire_started)
        self._starting.clear()

    def _retire_started(self, starting: "asyncio.Task[RunningHost]") -> None:
        """A host that was being started during a reload ends with the attempts that asked for it."""
        if not starting.cancelled() and starting.exception() is None:
            host = starting.result()
            if self._ready.get(host.node) is host:
                del self._ready[host.node]
            host.retired = True
            self._retired.append(host)
            host.end_soon_if_unused()

    def close(self) -> None:
        """Kill all hosts."""
        for host in (*self._retired, *self._ready.values()):
            host.link.close()
        for host in self._retired:
            kill(host.actor)
        for starting in list(self._starting.values()):
            starting.cancel()
        for node in list(self._ready):
            self.drop(node)

    async def _replace(self, host: RunningHost) -> HostEnd:
        self.drop(host.node, host)
        replacement = await self.on(host.node)
        if host.process.ring and self._on_output is not None:
            self._on_output(host.node, await replacement.actor.left_by_host.remote(host.process.ring))
        culprit: AttemptId | None = await replacement.actor.last_running.remote(host.process.mark)
        left: ProcessRemains = await replacement.actor.remains.remote(host.process.stack)
        return HostEnd(culprit, host.blocked, left.stack if host.blocked else "")

    def _started(self, node: NodeId, starting: asyncio.Task[RunningHost]) -> None:
        if self._starting.get(node) is starting:
            del self._starting[node]
        _retrieved(starting)  # the attempts that asked may have been flushed

    async def _start(self, node: NodeId) -> RunningHost:
        placed = Host.options(  # type: ignore[attr-defined]  # Ray adds it
            max_concurrency=MAX_AGENTS_PER_HOST,
            scheduling_strategy=pinned(node),
            **ray_amounts(self.resources),
            **self._options,
        )
        actor = placed.remote(self._executor, told_only=self.told_only)
        process = await actor.start.remote(self._heartbeat_timeout_s)
        link = HostLink(actor)
        await link.connect(process.socket)
        host = self._ready[node] = RunningHost(node, actor, link, process, on_idle=self.idle)
        self.idle(host)
        host.watch = asyncio.ensure_future(self._watch(host))
        if self._on_output is not None:
            host.output = asyncio.ensure_future(self._follow(host, self._on_output))
        return host

    async def left_by(self, node: NodeId, attempt: AttemptId, env: tuple[str, ...]) -> Iterable[LogBatch]:
        """What an attempt has left whose worker process is gone; nothing if the node's host cannot tell in time."""
        with contextlib.suppress(rx.RayError, NoSuchNode, TimeoutError):
            if self._on_output is not None:
                async with asyncio.timeout(_LEFT_TIMEOUT_S):
                    host = await self.on(node)
                    left: Iterable[LogBatch] = await host.actor.left_by.remote(attempt, env)
                return left
        return ()

    @staticmethod
    async def _follow(host: RunningHost, on_output: OnOutput) -> None:
        """Pass on what the attempts of a node print and log, until its host ends."""
        with contextlib.suppress(rx.RayError):
            while True:
                on_output(host.node, await host.actor.output.remote())

    async def _watch(self, host: RunningHost) -> None:
        """Kill a host whose event loop does not answer; its attempts then notice that it has ended."""
        timeout_s, loop = self._heartbeat_timeout_s, asyncio.get_running_loop()
        while True:
            await asyncio.sleep(timeout_s * _INTERVAL)
            asked_s = loop.time()
            try:
                async with asyncio.timeout(timeout_s):
                    await host.actor.heartbeat.remote()
            except TimeoutError:
                if loop.time() - asked_s > timeout_s + _OWN_DELAY_S:
                    continue
                host.blocked = True
                break
            except rx.RayError:
                break
        host.watch = None
        if host.retired:
            kill(host.actor)
        self.drop(host.node, host)


def kill(actor: Any) -> None:
    """Kill a host actor."""
    with contextlib.suppress(Exception):  # it may be gone already, and Ray with it
        ray.kill(actor)


def _retrieved(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()
