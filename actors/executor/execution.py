"""Running one attempt where it is hosted: inputs checked, agent called, output checked, every ending made data."""

import asyncio
import inspect
import time
from typing import Any

import pydantic_core

from actors.agent import declaration_of, load, loaded
from actors.context import Context
from actors.errors import BadInput, BadOutput
from actors.failures import failure_of, timed_out
from actors.invocation import Ended, Invocation, Result
from actors.kinds.command import run_command
from actors.signature import Signature
from planners.agents import AgentKind
from reconciler.state.handoff import Handoff


async def run_async(call: Invocation, blobs: tuple[bytes, ...]) -> Result:
    """An async agent on the caller's event loop. Its own ``timeout_s`` cancels it."""
    began, context, timer = time.perf_counter(), call.context(), asyncio.timeout(call.timeout_s)
    try:
        function, signature, arguments = _prepared(call, blobs, context)
        async with timer:
            output = await function(**arguments)
        return _succeeded(call, signature, output, context, began)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an agent's error becomes data; sys.exit ends no host
        failure = timed_out(call.timeout_s) if timer.expired() else failure_of(error)
        return Result(Ended(time.perf_counter() - began, failure=failure))


def run_in_process(call: Invocation, blobs: tuple[bytes, ...]) -> Result:
    """An agent of any kind, blocking the process. Whoever waits enforces its timeout by killing the process."""
    if call.kind is AgentKind.ASYNC:
        return asyncio.run(run_async(call, blobs))
    began, context = time.perf_counter(), call.context()
    try:
        if call.kind is AgentKind.COMMAND:
            return _sized(call, run_command(call, _inputs(call, blobs)), Handoff(), context, began)
        function, signature, arguments = _prepared(call, blobs, context)
        return _succeeded(call, signature, function(**arguments), context, began)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - as above; sys.exit in an agent must not end its worker
        return Result(Ended(time.perf_counter() - began, failure=failure_of(error)))


async def run_promotion(call: Invocation, staged: dict[str, bytes]) -> None:
    """Call the agent's ``promote`` with what an attempt staged. Raises what the hook raises."""
    assert isinstance(call.target, str)  # commands cannot be stageable (catalog)
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


def _prepared(call: Invocation, blobs: tuple[bytes, ...], context: Context) -> tuple[Any, Signature, dict[str, Any]]:
    if not isinstance(call.target, str):
        raise BadInput(f"agent '{call.agent}' is {call.kind} but its target is a command", "target", "kind: command")
    function, signature = loaded(call.target)
    return function, signature, signature.arguments(_inputs(call, blobs), context)


def _succeeded(call: Invocation, signature: Signature, output: Any, context: Context, began: float) -> Result:
    handoff = output if isinstance(output, Handoff) else Handoff()
    body = signature.dumped(output.output if isinstance(output, Handoff) else output)
    return _sized(call, body, handoff, context, began)


def _sized(call: Invocation, body: bytes, handoff: Handoff, context: Context, began: float) -> Result:
    """Small outputs go inline; large ones apart from the handoff, so that only readers carry their bytes."""
    small = len(body) <= call.inline_bytes
    said = {"output": _json(body) if small else None, "by_reference": not small, "output_bytes": len(body)}
    ended = Ended(time.perf_counter() - began, handoff=handoff.model_copy(update=said), staged=bool(context.staged))
    return Result(ended, None if small else body, context.staged or None)


def _json(body: bytes) -> Any:
    try:
        return pydantic_core.from_json(body)
    except ValueError as error:
        raise BadOutput(f"not JSON: {error}", "output", "print one JSON value") from None
