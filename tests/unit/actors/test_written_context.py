"""What agents add to the context, and inputs that are short enough to be passed on."""

from typing import Any

import pytest
from context_agents import ASKED, notes, shortens

from actors.executor.execution import run_async, run_in_process
from actors.invocation import Ended, Invocation
from planners.agents import AgentKind
from planners.policies import Compact
from reconciler.state.handoff import FailureKind


def _call(agent: Any, kind: AgentKind, text: Any, **more: Any) -> Invocation:
    target = f"context_agents:{agent.__name__}"
    return Invocation(
        task="t", attempt="t.1", agent="a", kind=kind, target=target, work_key="k", inputs={"text": text}, **more
    )


async def _noted(text: Any = "a text", **more: Any) -> Ended:
    return (await run_async(_call(notes, AgentKind.ASYNC, text, **more), ())).ended


@pytest.fixture(autouse=True)
def nobody_asked():
    ASKED.clear()


async def test_the_context_of_a_handoff_travels_with_it():
    handoff = (await _noted(writes=("notes",))).handoff

    assert (handoff.context, handoff.summary, handoff.output) == ({"notes": ["a text"]}, "noted a text", 6)


async def test_a_handoff_that_lacks_what_its_step_writes_is_refused():
    failure = (await _noted(writes=("facts",))).failure

    assert failure.kind is FailureKind.BAD_OUTPUT
    assert "the step writes 'facts' to the context, and the context of the handoff has only 'notes'" in failure.message
    assert "return Handoff(output=..., context={'facts': ...})" in failure.fix


async def test_a_context_that_is_too_large_is_refused():
    failure = (await _noted("x" * 240, inline_bytes=250)).failure

    assert failure.kind is FailureKind.BAD_OUTPUT
    assert "the context has 254 bytes, and at most 250 are allowed" in failure.message


def test_an_agent_without_a_handoff_writes_no_key():
    failure = run_in_process(_call(shortens, AgentKind.SYNC, "a text", writes=("notes",)), ()).ended.failure

    assert "the context of the handoff has none" in failure.message


@pytest.mark.parametrize(("over_tokens", "output", "asked"), [(1, "some", True), (3, "some words", False)])
def test_only_an_input_that_is_too_long_is_shortened(over_tokens, output, asked):
    call = _call(shortens, AgentKind.SYNC, "some words", compact=Compact(over_tokens=over_tokens))

    handoff = run_in_process(call, ()).ended.handoff

    assert (handoff.output, bool(ASKED), handoff.cached) == (output, asked, not asked)
    assert (handoff.usage is None) is asked


async def test_async_agents_are_not_asked_about_short_inputs_either():
    call = _call(notes, AgentKind.ASYNC, ["a", "list"], compact=Compact(over_tokens=4))

    assert (await run_async(call, ())).ended.handoff.output == ["a", "list"]
    assert not ASKED
