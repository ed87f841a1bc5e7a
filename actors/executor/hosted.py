"""An attempt as an executor sees it, and what every executor is given besides its catalog."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

from actors.executor.output import AttemptOutput
from actors.executor.readings import Held
from actors.executor.waits import Stage
from actors.logs.limits import LogLimits
from actors.payloads.outputs import Reference
from actors.payloads.store import PayloadStore
from planners.agents import Catalog
from planners.model import NodeId, TaskId
from reconciler.runtime.ports import Report
from reconciler.state.commands import Dispatch


@dataclass(eq=False, slots=True)
class HostedAttempt:
    """An attempt as the executor sees it.

    ``handle`` is what cancels it where it runs (None: it does not run yet). ``stack``: the path, on its node, where its
    process leaves stacks. ``output``: what it printed and logged.
    """

    task: TaskId
    order: Dispatch
    report: Report
    waiter: asyncio.Task[None] | None = None
    began_s: float | None = None
    stage: Stage = Stage.LIMITS
    handle: Any = None
    stack: str = ""
    body: Reference | None = None
    staged: Mapping[str, bytes] | None = None
    output: AttemptOutput = field(default_factory=AttemptOutput)


Cancel = Callable[[Iterable[HostedAttempt]], None]


class ExecutorOptions(TypedDict, total=False):
    """What every executor takes besides the catalog.

    ``inline_bytes``: an output whose JSON is larger travels by reference.
    ``share``: the part of every limit of agents and providers that is this executor's (1 / number of executors).
    ``cancel``: how attempts are cancelled; tests inject one that gets lost.
    ``payloads``: where large outputs are kept.
    ``verify_timeout_s``: how long a verify hook may take.
    ``logs``: how much of what attempts print and log is kept; None: nothing is captured.
    """

    inline_bytes: int
    share: float
    cancel: Cancel | None
    payloads: PayloadStore
    verify_timeout_s: float
    logs: LogLimits | None


def held_by(attempts: Iterable[HostedAttempt], catalog: Catalog) -> dict[NodeId, Held]:
    """What attempts hold on each node, or wait for there."""
    held: dict[NodeId, Held] = {}
    for hosted in attempts:
        if hosted.handle is None:
            continue
        needs, here = catalog.by_name[hosted.order.agent].resources, held.get(hosted.order.node, Held())
        began = hosted.began_s is not None
        held[hosted.order.node] = Held(
            here.running + needs if began else here.running, here.waiting if began else here.waiting + needs
        )
    return held
