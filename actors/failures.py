"""Turns exceptions into `Failure` data."""

import asyncio
from dataclasses import replace

from actors.abridged import abridged
from actors.environment import declared_variables
from actors.errors import BadInput, BadOutput
from actors.import_path import loaded
from actors.invocation import Ended, Invocation
from actors.masking import Mask
from actors.raised import Owner, chain_of, definition_of, formatted, own_frame, raised_exceptions, text_of, unwrapped
from actors.stacks import frame_in
from planners.errors import ForerunError
from reconciler.state.evidence import FailureEvidence, Frame
from reconciler.state.handoff import Failure, FailureKind

MORE_MEMORY = (
    "declare what the agent needs as resources.memory_bytes, so that fewer run at once, or give it less to do at once"
)
_MAX_MESSAGE = 2000
_SHOWN_OF_ID = 12


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
    retry_after_s = getattr(error, "retry_after_s", None)
    return Failure(
        kind=kind or _kind(error),
        counts=retry_after_s is None,
        retry_after_s=retry_after_s,
        unavailable=getattr(error, "unavailable", False) or isinstance(error, ConnectionError),
        message=mask.text(_text(error))[:_MAX_MESSAGE] or type(error).__name__,
        error_type=type(error).__name__,
        fix=mask.text(_fix(error, evidence.frame, call)),
        evidence=evidence,
    )


def with_inputs(ended: Ended, call: Invocation) -> Ended:
    """The end of an attempt whose process could not tell its inputs; large ones are not known here."""
    failure = ended.failure
    if failure is None or (failure.evidence is not None and failure.evidence.inputs is not None):
        return ended
    mask = Mask.of(declared_variables(call.env), call.inputs)
    return replace(ended, failure=failure.with_evidence(inputs=abridged(call.inputs, mask)))


def _evidence_of(error: BaseException, call: Invocation | None, mask: Mask, trace: str) -> FailureEvidence:
    target = call.target if call is not None and isinstance(call.target, str) else ""
    package = target.partition(":")[0].partition(".")[0]
    chain = chain_of(error)
    exceptions = raised_exceptions(chain, mask, package)
    stderr = mask.text(getattr(error, "stderr", ""))
    # An error of Forerun's own that went through a library, as when a request is refused, is none of the library's.
    most = Owner.USER if isinstance(error, ForerunError) else Owner.INSTALLED
    own = own_frame(error.__traceback__, mask, package, most=most)
    frames = [own, *(raised.frame for raised in exceptions), frame_in(stderr)]
    return FailureEvidence(
        frame=next((frame for frame in frames if frame is not None), None) or _definition(error, target),
        exceptions=exceptions,
        traceback=trace if exceptions else "",
        inputs=abridged(call.inputs, mask) if call is not None else None,
        exit_code=getattr(error, "exit_code", None),
        stderr=stderr,
    )


def _definition(error: BaseException, target: str) -> Frame | None:
    """Where an agent is defined whose input or output is wrong."""
    if not target or not isinstance(error, BadInput | BadOutput):
        return None
    try:
        return definition_of(loaded(target)[0])
    except ForerunError:  # it is not loaded where this is asked
        return None


def _fix(error: BaseException, frame: Frame | None, call: Invocation | None) -> str:
    """What to do about it: for a module or memory that is missing, on which node."""
    root = chain_of(error)[0]
    if isinstance(root, ModuleNotFoundError) and root.name:
        where = f"on node {call.node[:_SHOWN_OF_ID]}" if call is not None and call.node else "where the workers run"
        return f"install module '{root.name}' {where}, or ship it in cluster.runtime_env of the settings"
    if isinstance(error, ForerunError):
        return error.fix
    if isinstance(root, MemoryError):
        return MORE_MEMORY
    return "" if frame is None else f"correct {frame.where}, or what the step gives to it"


def _text(error: BaseException) -> str:
    if isinstance(error, ForerunError):  # its own text repeats the fix
        named = error.field and error.field != "target"  # the message names what it calls
        return f"{error.field}: {error.message}" if named else error.message
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


def timed_out(
    timeout_s: float | None, call: Invocation | None = None, error: BaseException | None = None, stack: str = ""
) -> Failure:
    """The failure of an attempt that exceeded its timeout.

    Args:
        timeout_s: its timeout.
        call: the attempt, in the process that ran it.
        error: its cancellation, which tells where it was.
        stack: of its process, which tells the same.
    """
    fix = "raise the agent's timeout_s or give it less to do"
    failure = Failure(kind=FailureKind.TIMEOUT, message=f"still running after {timeout_s:g} s", fix=fix)
    if error is None:
        return failure.with_evidence(frame=frame_in(stack), traceback=stack)
    cancelled = failure_of(chain_of(error)[0], call=call).evidence
    # That it was cancelled says nothing to a user.
    return failure.model_copy(update={"evidence": cancelled and cancelled.model_copy(update={"exceptions": ()})})


def idle(idle_s: float) -> Failure:
    """The failure of an attempt that has told no progress for so long."""
    fix = "raise the agent's idle_s, or let it tell its progress more often"
    return Failure(kind=FailureKind.TIMEOUT, message=f"no progress for {idle_s:g} s", fix=fix)
