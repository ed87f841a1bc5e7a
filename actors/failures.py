"""Turns exceptions into `Failure` data."""

import asyncio

from actors.abridged import abridged
from actors.environment import declared_variables
from actors.errors import BadInput, BadOutput
from actors.import_path import loaded
from actors.invocation import Invocation
from actors.masking import Mask
from actors.raised import chain_of, definition_of, formatted, own_frame, raised_exceptions, text_of, unwrapped
from planners.errors import ForerunError
from planners.model import AgentName, NodeId
from reconciler.state.evidence import FailureEvidence, Frame
from reconciler.state.handoff import Failure, FailureKind

_MAX_MESSAGE = 2000


def failure_of(error: BaseException, kind: FailureKind | None = None, call: Invocation | None = None) -> Failure:
    """The failure for an exception that an agent raised or that its contract raised.

    Args:
        error: the exception.
        kind: the class of failure, if the exception does not tell.
        call: the attempt, in the process that ran it; its declared variables are masked.
    """
    mask = Mask.of(declared_variables(call.env) if call else {}, call.inputs if call else None)
    trace, error = formatted(error), unwrapped(error)
    evidence = _evidence_of(error, call, mask, mask.text(trace))
    fix = error.fix if isinstance(error, ForerunError) else ""
    if not fix and evidence.frame is not None:
        fix = f"correct {evidence.frame.where}, or what the step gives to it"
    return Failure(
        kind=kind or _kind(error),
        message=mask.text(_text(error))[:_MAX_MESSAGE] or type(error).__name__,
        error_type=type(error).__name__,
        fix=mask.text(fix),
        evidence=evidence,
    )


def _evidence_of(error: BaseException, call: Invocation | None, mask: Mask, trace: str) -> FailureEvidence:
    target = call.target if call is not None and isinstance(call.target, str) else ""
    package = target.partition(":")[0].partition(".")[0]
    chain = chain_of(error)
    exceptions = raised_exceptions(chain, mask, package)
    frames = [own_frame(error.__traceback__, mask, package), *(raised.frame for raised in exceptions)]
    return FailureEvidence(
        frame=next((frame for frame in frames if frame is not None), None) or _definition(error, target),
        exceptions=exceptions,
        traceback=trace if exceptions else "",
        inputs=abridged(call.inputs, mask) if call is not None else None,
        exit_code=getattr(error, "exit_code", None),
        stderr=mask.text(getattr(error, "stderr", "")),
    )


def _definition(error: BaseException, target: str) -> Frame | None:
    """Where an agent is defined whose input or output is wrong."""
    if not target or not isinstance(error, BadInput | BadOutput):
        return None
    try:
        return definition_of(loaded(target)[0])
    except ForerunError:  # it is not loaded where this is asked
        return None


def _text(error: BaseException) -> str:
    if isinstance(error, ForerunError):  # its own text repeats the fix
        return f"{error.field}: {error.message}" if error.field else error.message
    return text_of(error)


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


def timed_out(timeout_s: float | None, call: Invocation | None = None, error: BaseException | None = None) -> Failure:
    """The failure of an attempt that exceeded its timeout. ``error``: its cancellation, which tells where it was."""
    fix = "raise the agent's timeout_s or give it less to do"
    failure = Failure(kind=FailureKind.TIMEOUT, message=f"still running after {timeout_s:g} s", fix=fix)
    if error is None:
        return failure
    cancelled = failure_of(chain_of(error)[0], call=call).evidence
    # That it was cancelled says nothing to a user.
    return failure.model_copy(update={"evidence": cancelled and cancelled.model_copy(update={"exceptions": ()})})


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
