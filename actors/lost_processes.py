"""The failures of attempts that could not report their end: their process or node is gone, or blocked."""

import re

from actors.stacks import frame_in
from planners.model import AgentName, NodeId
from reconciler.state.evidence import FailureEvidence
from reconciler.state.handoff import Failure, FailureKind

MORE_MEMORY = (
    "declare what the agent needs as resources.memory_bytes, so that fewer run at once, or give it less to do at once"
)
_SHOWN_OF_ID = 12
# What Ray tells of the memory of a node whose processes it ends.
_MEMORY = re.compile(r"(\d[\d.]*\s?[KMGT]i?B) / (\d[\d.]*\s?[KMGT]i?B)")
_FATAL = re.compile(r"^Fatal Python error: (?P<what>.+)$", re.MULTILINE)


def node_lost(node: NodeId, error_type: str = "", *, never_began: bool = False) -> Failure:
    """The failure of an attempt whose node left the cluster. ``never_began``: certainly no agent was called."""
    return Failure(
        kind=FailureKind.NODE_LOST,
        message=f"node {node} is no longer part of the cluster",
        error_type=error_type,
        fix="its work is placed on other nodes; to use the node again, restart Ray there",
        never_began=never_began,
    )


def worker_lost(agent: AgentName, error_type: str = "", *, stderr: str = "") -> Failure:
    """The failure of an attempt that ended its own process, or whose process was killed.

    Args:
        agent: the agent.
        error_type: the type of the error that showed it.
        stderr: the last that the process wrote there.
    """
    fatal = _FATAL.search(stderr)
    how = "without a message: it was killed, or it ended itself" if fatal is None else f"of: {fatal['what'].rstrip()}"
    fix = "see the last lines of its stderr; a process that is killed without a message has often used too much memory"
    return Failure(
        kind=FailureKind.WORKER_LOST,
        message=f"the process of agent '{agent}' died {how}",
        error_type=error_type,
        fix=fix,
        evidence=FailureEvidence(frame=frame_in(stderr), stderr=stderr),
    )


def out_of_memory(agent: AgentName, node: NodeId, told: str, *, stderr: str = "") -> Failure:
    """The failure of an attempt whose process Ray or the kernel ended because its node ran out of memory.

    Args:
        agent: the agent.
        node: the node.
        told: what Ray says about it.
        stderr: the last that the process wrote there.
    """
    amounts = _MEMORY.search(told)
    used = f": {amounts[1]} of {amounts[2]} were in use" if amounts is not None else ""
    return Failure(
        kind=FailureKind.WORKER_LOST,
        message=f"node {node[:_SHOWN_OF_ID]} ran out of memory, which ended the process of agent '{agent}'{used}",
        error_type="OutOfMemoryError",
        fix=MORE_MEMORY,
        evidence=FailureEvidence(stderr=stderr),
    )


def blocked_loop(agent: AgentName, timeout_s: float, stack: str = "") -> Failure:
    """The failure of an async agent that did not yield to the event loop of its host. ``stack``: where it was then."""
    return Failure(
        kind=FailureKind.ERROR,
        message=f"agent '{agent}' blocked the event loop that it shares for {timeout_s:g} s",
        error_type="BlockedEventLoop",
        fix="await what blocks, run it by asyncio.to_thread, or declare the agent with def instead of async def",
        evidence=FailureEvidence(frame=frame_in(stack), traceback=stack),
    )
