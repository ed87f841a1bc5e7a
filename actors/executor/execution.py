"""Runs one attempt in the process that hosts it and turns every ending into data."""

import asyncio
import inspect
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pydantic_core
from pydantic import ValidationError

from actors.compaction import passed_on
from actors.context import Context
from actors.errors import BadInput, BadOutput, HookFailed, OutputGone
from actors.executor.attempt_timeout import AttemptTimeout
from actors.executor.captured import Captured, Captures
from actors.executor.forked import end_if_forked
from actors.failures import failure_of, is_being_cancelled, timed_out
from actors.import_path import loaded
from actors.invocation import Ended, Invocation, Result
from actors.kinds.callables import declaration_of
from actors.kinds.kind import Answer, Unanswered, kind_of
from actors.mailbox import AttemptMailbox
from actors.notices import unwatch, watch, with_notices
from actors.output_check import QUICK_BYTES, check_output
from actors.payloads.json_values import encoded
from actors.payloads.store import StoredOutput
from actors.verification import DidNot, Happened, Unknown
from actors.written_context import check_context
from planners.agents import AgentKind
from reconciler.state.handoff import Handoff

_NO_WORDS = Handoff()
_WORDS = ("summary", "confidence", "next", "usage", "context")
_PLAIN = Captures()


async def run_async(
    call: Invocation, blobs: tuple[Any, ...], captures: Captures | None = _PLAIN, mailbox: AttemptMailbox | None = None
) -> Result:
    """Run an attempt on the caller's event loop; its ``timeout_s`` cancels it. For kinds that run on a loop.

    Thousands of attempts wait here, so what surrounds them is no context manager, each of which keeps a generator, and
    no second coroutine. `actors.executor.loop_watch` finds the attempt that holds a loop by this function's frame.

    Args:
        call: the attempt.
        blobs: the outputs that it reads.
        captures: how it is captured; None: it is captured already.
        mailbox: its own, if it has one.

    Raises:
        asyncio.CancelledError: the asyncio task was cancelled. One that the agent raises is its failure.
    """
    output = Captured(call, captures)
    output.begin()
    try:
        preload(call)
        watched, began, timer = watch(call), time.perf_counter(), AttemptTimeout(call.timeout_s)
        try:
            context = call.context(mailbox)
            inputs = await asyncio.to_thread(_inputs, call, blobs) if _reads(call) else _inputs(call, blobs)
            with timer:
                answer = passed_on(call, inputs) or kind_of(call.kind).run(call, inputs, context)
                if isinstance(answer, Unanswered):
                    answer = answer.answer(await answer.returned)
                elif not isinstance(answer, Answer):
                    answer = await answer
                await _check(call, answer)
            result = await _kept(call, answer, context, began)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and is_being_cancelled():
                raise
            failure = timed_out(call.timeout_s, call, error) if timer.expired else failure_of(error, call=call)
            result = Result(Ended(time.perf_counter() - began, failure=failure))
        finally:
            unwatch(watched)
        result = with_notices(result, call, watched)
    finally:
        output.end()
    return result.with_logs(output.lines)


async def _check(call: Invocation, answer: Answer) -> None:
    if call.check is not None and len(answer.body) > QUICK_BYTES:
        await asyncio.to_thread(check_output, call, answer)
    else:
        check_output(call, answer)


async def _kept(call: Invocation, answer: Answer, context: Context, began: float) -> Result:
    if call.payloads.blocks and len(answer.body) > call.inline_bytes:
        return await asyncio.to_thread(_result, call, answer, context, began)
    return _result(call, answer, context, began)


def run_in_process(call: Invocation, blobs: tuple[Any, ...], captures: Captures = _PLAIN) -> Result:
    """Run an attempt of any kind and block until it ends.

    Kinds that do not run on a loop have no timeout here: the caller enforces it by killing the process.
    """
    pid = os.getpid()
    with Captured(call, captures) as output:
        result = _run_in_process(call, blobs, pid)
        end_if_forked(pid)
    return result.with_logs(output.lines)


def _run_in_process(call: Invocation, blobs: tuple[Any, ...], pid: int) -> Result:
    if not kind_of(call.kind).runs_on_loop:
        preload(call)
    began, watched = time.perf_counter(), None
    try:
        kind, context = kind_of(call.kind), call.context()
        if kind.runs_on_loop:
            return asyncio.run(run_async(call, blobs, None))
        watched = watch(call)
        try:
            inputs = _inputs(call, blobs)
            answer = passed_on(call, inputs) or kind.run(call, inputs, context)
        finally:
            unwatch(watched)
        assert isinstance(answer, Answer)
        check_output(call, answer)
        result = _result(call, answer, context, began)
    except BaseException as error:  # noqa: BLE001 - as above; Ray would take a KeyboardInterrupt for a cancel
        end_if_forked(pid, error)
        result = Result(Ended(time.perf_counter() - began, failure=failure_of(error, call=call)))
    return with_notices(result, call, watched)


def preload(call: Invocation) -> None:
    """Import the callable before its time is taken. What is wrong with it, its first attempt says."""
    if call.kind in {AgentKind.ASYNC, AgentKind.SYNC} and isinstance(call.target, str):
        with suppress(BaseException):
            loaded(call.target)


async def run_promotion(call: Invocation, staged: dict[str, bytes]) -> None:
    """Call the agent's ``promote`` hook with what an attempt staged. Raises what the hook raises."""
    assert isinstance(call.target, str)  # only callables are stageable
    declared = declaration_of(loaded(call.target)[0])
    if declared is not None and declared.promote is not None:
        await _called(declared.promote, call.context(), staged)


async def run_verification(call: Invocation) -> Result | None:
    """Call the agent's ``verify`` hook: the result of the attempt, if its act happened; None, if it did not.

    Raises:
        LookupError: the agent has no hook, or the hook cannot tell.
        TimeoutError: an async hook takes longer than ``timeout_s``.
        Exception: whatever the hook raises.
    """
    function, signature = loaded(call.target) if isinstance(call.target, str) else (None, None)
    declared = declaration_of(function)
    if signature is None or declared is None or declared.verify is None:
        raise LookupError(f"agent '{call.agent}' has no verify hook")
    began, context = time.perf_counter(), call.context()
    async with asyncio.timeout(call.timeout_s):
        answer = await _called(declared.verify, context)
    match answer:
        case Happened(output=output):
            return _result(call, Answer(signature.dumped(output)), context, began)
        case DidNot():
            return None
        case Unknown(why=why):
            raise LookupError(why or f"the verify hook of agent '{call.agent}' cannot tell")
    raise BadOutput(
        f"the verify hook of agent '{call.agent}' returned a {type(answer).__name__}",
        "verify",
        "return Happened(output), DidNot() or Unknown()",
    )


async def _called(hook: Callable[..., Any], *arguments: Any) -> Any:
    """Call a sync or async hook. A BaseException becomes an Exception: it must not end the process that runs hooks."""
    try:
        answer = hook(*arguments)
        return await answer if inspect.isawaitable(answer) else answer
    except Exception:
        raise
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError) and is_being_cancelled():
            raise
        raise HookFailed(f"the hook raised {type(error).__name__}") from error


def _reads(call: Invocation) -> bool:
    """Whether making the inputs may take long: reading them from a store, or evaluating an expression."""
    return (call.payloads.blocks and bool(call.slots)) or bool(call.computed)


def _inputs(call: Invocation, blobs: tuple[Any, ...]) -> dict[str, Any]:
    try:
        return call.filled(blobs)
    except OutputGone:
        raise
    except LookupError as error:
        raise BadInput(f"{error} in the output it is bound to", "inputs", "bind a path that exists") from None


def _result(call: Invocation, answer: Answer, context: Context, began: float) -> Result:
    """A small output travels in the handoff; a large one apart, so that only its readers carry the bytes."""
    body, small = answer.body, len(answer.body) <= call.inline_bytes
    fields = {"output": _json(body) if small else None, "by_reference": not small, "output_bytes": len(body)}
    fields["cached"] = answer.passed_on
    handoff = _checked(answer.handoff, call)
    kept = None if small else call.payloads.keep(call.task, call.attempt, body)
    handoff = handoff.model_copy(update=fields | {"stored": isinstance(kept, StoredOutput)})
    ended = Ended(time.perf_counter() - began, handoff=handoff, staged=bool(context.staged))
    return Result(ended, kept, dict(context.staged) or None)


def _checked(handoff: Handoff, call: Invocation) -> Handoff:
    """The handoff without its output. It is never sent by reference, so it must be small."""
    if handoff.model_fields_set <= {"output"} and not call.writes:
        return _NO_WORDS
    max_bytes = call.inline_bytes
    try:
        checked = Handoff(**{name: getattr(handoff, name) for name in _WORDS})
        size = len(checked.summary.encode()) + len(encoded(checked.next, "next"))
    except ValidationError as error:
        raise BadOutput(str(error), "handoff", "see Handoff") from None
    if size > max_bytes:
        field = "next" if len(checked.summary) <= max_bytes // 2 else "summary"
        fix = "put large data into the output"
        raise BadOutput(f"summary and next have {size} bytes, and at most {max_bytes} are allowed", field, fix)
    check_context(checked.context, call.writes, max_bytes)
    return checked


def _json(body: bytes) -> Any:
    try:
        return pydantic_core.from_json(body)
    except ValueError as error:  # such as a number with too many digits
        raise BadOutput(f"not JSON: {error}", "output", "return a JSON value") from None
