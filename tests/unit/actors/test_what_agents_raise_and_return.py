"""Whatever an agent raises or returns, its attempt ends with data that a journal can hold."""

import asyncio
import inspect
from typing import Any

import misbehaving_agents as m
import pytest

from actors.executor.execution import run_async, run_in_process
from actors.invocation import Ended, Invocation
from planners.agents import AgentKind
from reconciler.state.handoff import FailureKind

GUARD_S = 5.0
_INLINE_BYTES = 16 * 1024


def _call(agent: Any) -> Invocation:
    kind = AgentKind.ASYNC if inspect.iscoroutinefunction(agent) else AgentKind.SYNC
    target = f"misbehaving_agents:{agent.__name__}"
    return Invocation(task="t", attempt="t.1", agent="a", kind=kind, target=target, work_key="k", inputs={})


async def _ended(agent: Any) -> Ended:
    """The end of an attempt. An exception that gets out fails the test, and no test run with it."""
    call = _call(agent)
    try:
        if call.kind is AgentKind.ASYNC:
            # Awaited here, not in an asyncio task of its own: from there a KeyboardInterrupt ends the event loop.
            async with asyncio.timeout(GUARD_S):
                return (await run_async(call, ())).ended
        return run_in_process(call, ()).ended
    except BaseException as error:  # noqa: BLE001 - what gets out of here would end the process that hosts agents
        pytest.fail(f"{type(error).__name__} gets out of the attempt")


@pytest.mark.parametrize(
    ("agent", "error_type"),
    [
        (m.raises_keyboard_interrupt, "KeyboardInterrupt"),
        (m.raises_keyboard_interrupt_at_once, "KeyboardInterrupt"),
        (m.generator_exit, "GeneratorExit"),
        (m.raises_generator_exit, "GeneratorExit"),
        (m.unspeakable, "Unspeakable"),
        (m.raises_unspeakable, "Unspeakable"),
    ],
)
async def test_whatever_an_agent_raises_is_the_failure_of_its_attempt(agent: Any, error_type: str):
    failure = (await _ended(agent)).failure

    assert failure is not None
    assert (failure.kind, failure.error_type) == (FailureKind.ERROR, error_type)
    assert failure.retryable


async def test_an_attempt_that_is_cancelled_from_outside_is_cancelled():
    attempt = asyncio.create_task(run_async(_call(m.waits_for_ever), ()))
    await asyncio.sleep(0)

    attempt.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(attempt, GUARD_S)


@pytest.mark.parametrize("agent", [m.names_a_file_that_is_no_text, m.says_what_is_no_text])
async def test_the_texts_of_an_end_can_be_stored(agent: Any):
    ended = await _ended(agent)

    for told in (ended.failure, ended.handoff):
        if told is not None:
            "".join(value for value in told.model_dump().values() if isinstance(value, str)).encode()


@pytest.mark.parametrize("agent", [m.says_too_much, m.proposes_too_much])
async def test_a_handoff_that_goes_inline_is_small_as_a_whole(agent: Any):
    ended = await _ended(agent)

    small = ended.handoff is None or len(ended.handoff.model_dump_json()) <= 2 * _INLINE_BYTES
    assert small


@pytest.mark.parametrize(
    "agent",
    [
        m.returns_a_lock,
        m.returns_too_large_a_number,
        m.returns_a_circle,
        m.returns_bytes_that_are_no_text,
    ],
)
async def test_an_output_that_json_cannot_hold_is_a_bad_output(agent: Any):
    failure = (await _ended(agent)).failure

    assert failure is not None
    assert failure.kind is FailureKind.BAD_OUTPUT
