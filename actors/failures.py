"""Turns exceptions into `Failure` data."""

from actors.errors import BadInput, BadOutput
from planners.errors import ForerunError
from planners.model import NodeId
from reconciler.state.handoff import Failure, FailureKind

_MAX_MESSAGE = 2000


def failure_of(error: BaseException, kind: FailureKind | None = None) -> Failure:
    """The failure for an exception that an agent raised or that its contract raised."""
    if kind is None:
        kind = _kind(error)
    fix = error.fix if isinstance(error, ForerunError) else ""
    text = str(error) if not isinstance(error, ForerunError) else str(type(error)(error.message, error.field))
    message = text or type(error).__name__
    return Failure(kind=kind, message=message[:_MAX_MESSAGE], error_type=type(error).__name__, fix=fix)


def _kind(error: BaseException) -> FailureKind:
    if isinstance(error, BadInput):
        return FailureKind.BAD_INPUT
    if isinstance(error, BadOutput):
        return FailureKind.BAD_OUTPUT
    return FailureKind.ERROR


def timed_out(timeout_s: float | None) -> Failure:
    """The failure of an attempt that exceeded its timeout."""
    fix = "raise the agent's timeout_s or give it less to do"
    return Failure(kind=FailureKind.TIMEOUT, message=f"still running after {timeout_s:g} s", fix=fix)


def node_lost(node: NodeId, error_type: str = "") -> Failure:
    """The failure of an attempt whose node left the cluster."""
    message = f"node {node} is no longer part of the cluster"
    return Failure(kind=FailureKind.NODE_LOST, message=message, error_type=error_type)
