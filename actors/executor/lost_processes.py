"""The failures of attempts that could not report their end: their process or node is gone, or blocked."""

import re

from actors.executor.process_remains import ProcessRemains
from actors.failures import MORE_MEMORY
from actors.stacks import frame_in
from planners.model import AgentName, NodeId
from reconciler.state.evidence import FailureEvidence
from reconciler.state.handoff import Failure, FailureKind

_SHOWN_OF_ID = 12
# What Ray tells of the memory of a node whose processes it ends.
_KILLED = "look for who ended it (kill, an exit in a library, an operator); too much memory is the most frequent reason"
_MEMORY = re.compile(r"(\d[\d.]*\s?[KMGT]i?B) / (\d[\d.]*\s?[KMGT]i?B)")


def node_lost(node: NodeId, error_type: str = "", *, never_began: bool = False) -> Failure:
    """The failure of an attempt whose node left the cluster. ``never_began``: certainly no agent was called."""
    return Failure(
        kind=FailureKind.NODE_LOST,
        message=f"node {node} is no longer part of the cluster",
        error_type=error_type,
        fix="its work is placed on other nodes; to use the node again, restart Ray there",
        never_began=never_began,
    )


def preempted() -> Failure:
    """The failure of a speculative attempt that was ended because confirmed work needed its place."""
    return Failure(
        kind=FailureKind.WORKER_LOST,
        message="it was ended before its work was confirmed, to make room for confirmed work",
        fix="nothing: if the plan holds its work, it runs again",
        counts=False,
    )


def without_a_try(failure: Failure) -> Failure:
    """The failure of an attempt whose process was lost before it had read the attempt: the agent was not called."""
    return failure.model_copy(
        update={
            "message": f"{failure.message}, before this attempt began",
            "fix": failure.fix if failure.kind is FailureKind.NODE_LOST else "nothing: its work runs again",
            "never_began": True,
            "counts": False,
        }
    )


def worker_lost(agent: AgentName, left: ProcessRemains, error_type: str = "", *, stderr: str = "") -> Failure:
    """The failure of an attempt that ended its own process, or whose process was killed.

    Args:
        agent: the agent.
        left: what is left of the process.
        error_type: the type of the error that showed it.
        stderr: the last that the process wrote there.
    """
    frame = frame_in(left.stack) or frame_in(stderr)
    if left.fatal:
        how, fix = (
            f"died of: {left.fatal}",
            f"correct {frame.where}, or the library that it calls" if frame else _KILLED,
        )
    elif left.exit_code is not None:
        how, fix = f"ended itself by os._exit({left.exit_code})", "raise an exception where the agent calls os._exit"
    else:
        how, fix = "died without a message: it was killed, or it ended itself", _KILLED
    return Failure(
        kind=FailureKind.WORKER_LOST,
        message=f"the process of agent '{agent}' {how}",
        error_type=error_type,
        fix=fix,
        evidence=FailureEvidence(frame=frame, traceback=left.stack, stderr=stderr, exit_code=left.exit_code),
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
