"""Runs one attempt in the process that hosts it and turns every ending into data."""

import asyncio
import inspect
import time
from typing import Any

import pydantic_core

from actors.context import Context
from actors.errors import BadInput, BadOutput
from actors.failures import failure_of, timed_out
from actors.import_path import load
from actors.invocation import Ended, Invocation, Result
from actors.kinds.callables import declaration_of
from actors.kinds.kind import Answer, kind_of


async def run_async(call: Invocation, blobs: tuple[bytes, ...]) -> Result:
    """Run an attempt on the caller's event loop; its ``timeout_s`` cancels it. For kinds that run on a loop."""
    began, context, timer = time.perf_counter(), call.context(), asyncio.timeout(call.timeout_s)
    try:
        inputs = _inputs(call, blobs)
        async with timer:
            answer = kind_of(call.kind).run(call, inputs, context)
            return _result(call, answer if isinstance(answer, Answer) else await answer, context, began)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an agent's error becomes data; sys.exit ends no host
        failure = timed_out(call.timeout_s) if timer.expired() else failure_of(error)
        return Result(Ended(time.perf_counter() - began, failure=failure))


def run_in_process(call: Invocation, blobs: tuple[bytes, ...]) -> Result:
    """Run an attempt of any kind and block until it ends.

    Kinds that do not run on a loop have no timeout here: the caller enforces it by killing the process.
    """
    kind = kind_of(call.kind)
    if kind.runs_on_loop:
        return asyncio.run(run_async(call, blobs))
    began, context = time.perf_counter(), call.context()
    try:
        answer = kind.run(call, _inputs(call, blobs), context)
        assert isinstance(answer, Answer)
        return _result(call, answer, context, began)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - as above; sys.exit in an agent must not end its worker
        return Result(Ended(time.perf_counter() - began, failure=failure_of(error)))


async def run_promotion(call: Invocation, staged: dict[str, bytes]) -> None:
    """Call the agent's ``promote`` hook with what an attempt staged. Raises what the hook raises."""
    assert isinstance(call.target, str)  # only callables are stageable
    declared = declaration_of(load(call.target))
    if declared is not None and declared.promote is not None:
        outcome = declared.promote(call.context(), staged)
        if inspect.isawaitable(outcome):
            await outcome


def _inputs(call: Invocation, blobs: tuple[bytes, ...]) -> dict[str, Any]:
    try:
        return call.filled(blobs)
    except LookupError as error:
        raise BadInput(f"{error} in the output it is bound to", "inputs", "bind a path that exists") from None


def _result(call: Invocation, answer: Answer, context: Context, began: float) -> Result:
    """A small output travels in the handoff; a large one apart, so that only its readers carry the bytes."""
    body, small = answer.body, len(answer.body) <= call.inline_bytes
    fields = {"output": _json(body) if small else None, "by_reference": not small, "output_bytes": len(body)}
    handoff = answer.handoff.model_copy(update=fields)
    ended = Ended(time.perf_counter() - began, handoff=handoff, staged=bool(context.staged))
    return Result(ended, None if small else body, context.staged or None)


def _json(body: bytes) -> Any:
    try:
        return pydantic_core.from_json(body)
    except ValueError as error:
        raise BadOutput(f"not JSON: {error}", "output", "print one JSON value") from None
