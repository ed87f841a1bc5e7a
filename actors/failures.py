"""Turns exceptions into `Failure` data."""

import asyncio

from actors.errors import BadInput, BadOutput
from planners.errors import ForerunError
from planners.model import AgentName, NodeId
from reconciler.state.handoff import Failure, FailureKind

_MAX_MESSAGE = 2000


def failure_of(error: BaseException, kind: FailureKind | None = None) -> Failure:
    """The failure for an exception that an agent raised or that its contract raised."""
    fix = error.fix if isinstance(error, ForerunError) else ""
    return Failure(
        kind=kind or _kind(error),
        message=_text(error)[:_MAX_MESSAGE] or type(error).__name__,
        error_type=type(error).__name__,
        fix=fix,
    )


def _text(error: BaseException) -> str:
    if isinstance(error, ForerunError):  # its own text repeats the fix
        return f"{error.field}: {error.message}" if error.field else error.message
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the text of a user's exception is a user's code
        return ""


def _kind(error: BaseException) -> FailureKind:
    if isinstance(error, BadInput):
        return FailureKind.BAD_INPUT
    if isinstance(error, BadOutput):
        return FailureKind.BAD_OUTPUT
    return FailureKind.ERROR


def is_being_cancelled() -> bool:
    """Whether a CancelledError comes from outside the current asyncio task. One that an agent raises is its failure."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def timed_out(timeout_s: float | None) -> Failure:
    """The failure of an attempt that exceeded its timeout."""
    fix = "raise the agent's timeout_s or give it less to do"
    return Failure(kind=FailureKind.TIMEOUT, message=f"still running after {timeout_s:g} s", fix=fix)


def node_lost(node: NodeId, error_type: str = "", *, never_began: bool = False) -> Failure:
    """The failure of an attempt whose node left the cluster. ``never_began``: certainly no agent was called."""
    message = f"node {node} is no longer part of the cluster"
    return Failure(kind=FailureKind.NODE_LOST, message=message, error_type=error_type, never_began=never_began)


def worker_lost(agent: AgentName, error_type: str = "") -> Failure:
    """The failure of an attempt that ended its own process, or whose process was killed."""
    message = f"the process of agent '{agent}' died"
    return Failure(kind=FailureKind.WORKER_LOST, message=message, error_type=error_type)


def blocked_loop(agent: AgentName, timeout_s: float) -> Failure:
    """The failure of an async agent that did not yield to the event loop of its host."""
    message = f"agent '{agent}' blocked the event loop that it shares for {timeout_s:g} s"
    fix = "await what blocks, run it by asyncio.to_thread, or declare the agent with def instead of async def"
    return Failure(kind=FailureKind.ERROR, message=message, error_type="BlockedEventLoop", fix=fix)
