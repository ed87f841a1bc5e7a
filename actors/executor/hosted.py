"""An attempt as an executor sees it, and what every executor is given besides its catalog."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypedDict

from actors.executor.calls import Addresses
from actors.executor.messages import Returned
from actors.executor.output import AttemptOutput
from actors.executor.readings import Held
from actors.executor.waits import Stage
from actors.failures import idle
from actors.logs.limits import TOLD_ONLY, LogLimits
from actors.mailbox import Post
from actors.payloads.outputs import Reference
from actors.payloads.store import PayloadStore
from actors.result_cache import ResultCache
from planners.agents import AgentKind, AgentSpec, Catalog
from planners.cluster import Outage
from planners.model import AttemptId, NodeId, TaskId
from reconciler.runtime.ports import Report
from reconciler.state.commands import Dispatch
from reconciler.state.events import MessagePublished
from reconciler.state.handoff import Failure
from reconciler.state.messages import MailboxMessage
from reconciler.views.logs import LogBatch, LogStream

_PROGRESS = (LogStream.PROGRESS, LogStream.ARTEFACT)


@dataclass(eq=False, slots=True)
class HostedAttempt:
    """An attempt as the executor sees it.

    ``handle`` is what cancels it where it runs (None: it does not run yet). ``stack``: the path, on its node, where its
    process leaves stacks. ``lines``: what it printed and logged, if anything. ``heard_s``: when it began or last told
    its progress, if that is watched. ``told_bytes``: of its lines since then. ``keeps``: whether its lines are
    reported. ``sent``: the host that it went to at once, and ``returned`` takes its end from there. ``end``: what its
    asyncio task awaits, if it got one after that. ``due_with``: the attempts whose time is up when its own is
    (`TimeLimits`). ``mail``: all messages for it, which ``hear`` hands over.
    """

    task: TaskId
    order: Dispatch
    report: Report
    limits: "AdmissionControl"
    waiter: asyncio.Task[None] | None = None
    began_s: float | None = None
    stage: Stage = Stage.LIMITS
    handle: Any = None
    stack: str = ""
    body: Reference | None = None
    staged: Mapping[str, bytes] | None = None
    lines: AttemptOutput | None = None
    heard_s: float | None = None
    told_bytes: int = 0
    sent: Any = None
    returned: "Callable[[HostedAttempt, Returned | Exception], bool] | None" = None
    end: "asyncio.Future[Any] | None" = None
    due_with: "dict[AttemptId, HostedAttempt] | None" = None
    keeps: bool = True
    mail: list[MailboxMessage] | None = None
    hear: Callable[[Sequence[MailboxMessage]], None] | None = None

    @property
    def output(self) -> AttemptOutput:
        """What it printed and logged."""
        if self.lines is None:
            self.lines = AttemptOutput()
        return self.lines

    def take_end(self, end: Returned | Exception) -> bool:
        """See `actors.executor.host_link.Waiting`."""
        return self.returned is not None and self.returned(self, end)

    def take(self, messages: Sequence[MailboxMessage]) -> None:
        """Messages for the attempt: it gets them now, or when it begins."""
        if self.mail is None:
            self.mail = []
        self.mail += messages
        if self.hear is not None:
            self.hear(messages)

    def connect(self, process: "MailProcess") -> None:
        """The attempt is started in this process, for the first time or again: it gets all messages so far."""
        if self.order.mailbox is None:
            return
        attempt = self.order.attempt
        process.listen(attempt, self.post)
        self.hear = partial(process.deliver, attempt)
        if self.mail:
            self.hear(self.mail)

    def post(self, message: MailboxMessage) -> None:
        """Report a message that the attempt has published, unless it was stopped."""
        if self.waiter is not None:
            self.report(MessagePublished(at_s=0.0, attempt=self.order.attempt, message=message))

    def admission(
        self, agent: AgentSpec, preempt: "Callable[[HostedAttempt], None]"
    ) -> AbstractAsyncContextManager[None]:
        """Wait for the limits; ``preempt`` ends it where a confirmed attempt lacks what it holds."""
        order = self.order
        return self.limits.admission(agent, order.attempt, speculative=order.speculative, preempt=lambda: preempt(self))

    def tell(self, lines: LogBatch) -> None:
        """Take note of new lines, and report them if they are kept."""
        if self.heard_s is not None:
            self.told_bytes += len(lines.text)
            if any(line.stream in _PROGRESS for line in lines.lines()):
                self.heard_s = asyncio.get_running_loop().time()
        if self.keeps:
            self.report(lines)


def watch_progress(
    hosted: HostedAttempt, idle_s: float | None, logs: LogLimits | None, end: Callable[[HostedAttempt, Failure], None]
) -> None:
    """An attempt has begun: end it once it has told no progress for longer than ``idle_s``.

    Progress is bounded with the log. Once that is full, nobody knows of progress, and nothing is ended.
    """
    hosted.keeps = logs is not None
    if idle_s is None:
        return
    most_bytes, loop = (logs or TOLD_ONLY).attempt_bytes // 2, asyncio.get_running_loop()
    hosted.heard_s = loop.time()

    def look() -> None:
        if hosted.waiter is None or hosted.waiter.done() or hosted.heard_s is None or hosted.told_bytes > most_bytes:
            return
        left_s = hosted.heard_s + idle_s - loop.time()
        if left_s > 0:
            loop.call_later(left_s, look)
        else:
            end(hosted, idle(idle_s))

    loop.call_later(idle_s, look)


class MailProcess(Protocol):
    """Where an attempt runs that has a mailbox."""

    def listen(self, attempt: AttemptId, post: Post) -> None:
        """``post`` gets what the attempt publishes."""
        ...

    def deliver(self, attempt: AttemptId, messages: Sequence[MailboxMessage]) -> None:
        """Hand messages to the attempt."""
        ...


Cancel = Callable[[Iterable[HostedAttempt]], None]


class AdmissionControl(Protocol):
    """The limits of agents and providers; see `actors.admission.limits.AdmissionLimits`."""

    def admission(
        self,
        agent: AgentSpec,
        attempt: AttemptId,
        *,
        speculative: bool = False,
        preempt: Callable[[], None] | None = None,
    ) -> AbstractAsyncContextManager[None]:
        """Wait until the attempt is admitted, and hold what it uses while the context is open.

        ``preempt`` ends a speculative attempt that holds what a confirmed one lacks.
        """
        ...

    def confirm(self, attempt: AttemptId) -> None:
        """An attempt that waits or is admitted is no longer speculative."""
        ...

    def admits(self, agent: AgentSpec) -> bool:
        """Whether no limit concerns the agent, so that its attempts never wait here."""
        ...

    def cool_down(self, provider: str, until_s: float) -> None:
        """Admit no call of a provider before then, on the monotonic clock of the event loop."""
        ...

    def record(self, agent: AgentSpec, *, down: bool) -> None:
        """An admitted attempt has ended, and nobody has answered it if ``down``. Called while it is still admitted."""
        ...

    def outages(self) -> tuple[Outage, ...]:
        """The circuit breakers that are not closed."""
        ...

    def reloaded(self, catalog: Catalog) -> "AdmissionControl":
        """The limits of another catalog, for attempts that are dispatched from now on."""
        ...

    def told(self, attempt: AttemptId, now_s: float) -> str | None:
        """What an attempt waits for, in words; None if it does not wait here."""
        ...

    def close(self) -> None:
        """The executor has closed: keep in touch with nobody any more."""
        ...


class ExecutorOptions(TypedDict, total=False):
    """What every executor takes besides the catalog.

    ``inline_bytes``: an output whose JSON is larger travels by reference.
    ``limits``: those of agents and providers; by default this executor has them to itself.
    ``cancel``: how attempts are cancelled; tests inject one that gets lost.
    ``payloads``: where large outputs are kept.
    ``verify_timeout_s``: how long a verify hook may take.
    ``results``: the result cache; by default this executor has one to itself.
    ``logs``: how much of what attempts print and log is kept; None: nothing is captured.
    ``callbacks``: makes the addresses at which outside systems answer; None: there are none.
    """

    inline_bytes: int
    limits: AdmissionControl
    cancel: Cancel | None
    payloads: PayloadStore
    verify_timeout_s: float
    logs: LogLimits | None
    results: ResultCache
    callbacks: Addresses | None


def held_by(attempts: Iterable[HostedAttempt], catalog: Catalog) -> dict[NodeId, Held]:
    """What attempts hold on each node, or wait for there."""
    # Counted first: thousands of attempts are of few agents.
    counts = Counter(
        (hosted.order.node, hosted.order.agent, hosted.began_s is not None)
        for hosted in attempts
        if hosted.handle is not None
    )
    held: dict[NodeId, Held] = {}
    for (node, name, began), count in counts.items():
        agent = catalog.by_name[name]
        if agent.kind is AgentKind.BATCH:  # its host holds them: see `HostGroups`
            continue
        needs, here = agent.resources.times(count), held.get(node, Held())
        held[node] = Held(
            here.running + needs if began else here.running, here.waiting if began else here.waiting + needs
        )
    return held
