"""Goals become steps over real HTTP, against the scripted LLM: streaming, faults, repair, secrecy."""

import asyncio
import logging
import pickle
import threading
import traceback
from contextlib import aclosing, asynccontextmanager

import pytest
from goals import ANSWER, CATALOG, GOAL, steps
from pydantic import SecretStr

from benchmarks.scripted_llm import Fault, ScriptedLLM
from planners.errors import DecomposeFailed
from planners.optimal.decompose.config import LLMConfig
from planners.optimal.decompose.goals import GoalText
from planners.optimal.decompose.llm import LLMDecomposer

ASKED = GoalText(text=GOAL)
KEY = "sk-test-do-not-tell"


def config(llm, **more):
    told = {"stall_s": 3.0, "first_token_s": 30.0, "timeout_s": 60.0, "max_retries": 0, **more}
    return LLMConfig(base_url=llm.base_url, model=llm.model, api_key=SecretStr(KEY), **told)


@asynccontextmanager
async def asking(told, goal):
    """The stream of a goal's steps, and the client closed behind it."""
    decomposer = LLMDecomposer(told)
    try:
        async with aclosing(decomposer.steps(goal, CATALOG)) as stream:
            yield stream
    finally:
        await decomposer.close()


async def decomposed(llm, goal=ASKED, **more):
    async with asking(config(llm, **more), goal) as stream:
        return [step async for step in stream]


@pytest.mark.parametrize("output", ["json_schema", "tool", "json_object"])
async def test_a_goal_becomes_the_prepared_steps_in_canonical_form(output):
    with ScriptedLLM({GOAL: ANSWER}) as llm:
        assert await decomposed(llm, output=output) == steps()

    assert llm.keys == [KEY]
    assert llm.requests[0]["stream"] is True


async def test_each_step_is_there_before_the_next_is_sent():
    holds = threading.Semaphore(0)
    with ScriptedLLM({GOAL: ANSWER}, holds=holds) as llm:
        seen = []
        async with asking(config(llm, stall_s=10.0), ASKED) as stream:
            async for step in stream:
                # The server waits for the release below before it sends the next step.
                seen.append((step.id, llm.sent <= len(seen) + 1))
                holds.release()

    assert seen == [("fetch", True), ("caption", True), ("translate", True)]


async def test_the_schema_offers_only_the_catalogs_capabilities_and_no_values_of_inputs_are_told():
    with ScriptedLLM({GOAL: ANSWER}) as llm:
        await decomposed(llm, GoalText(text=GOAL, inputs={"patient": "Jane Roe, 1970"}))

    asked = llm.requests[0]
    offered = asked["response_format"]["json_schema"]["schema"]["properties"]["steps"]["items"]["anyOf"]
    assert [step["properties"]["capability"]["enum"] for step in offered] == [
        ["fetch"], ["caption"], ["translate"], ["merge"], ["mail"]
    ]  # fmt: skip
    assert "$inputs.patient: string" in str(asked)
    assert "Jane Roe" not in str(asked)


@pytest.mark.parametrize("fault", [Fault.MALFORMED, Fault.UNKNOWN_CAPABILITY, Fault.CYCLE])
async def test_a_wrong_answer_is_repaired_and_the_steps_before_the_mistake_stand(fault):
    with ScriptedLLM({GOAL: ANSWER}, faults=[fault]) as llm:
        assert await decomposed(llm) == steps()

    assert len(llm.requests) == 2
    told = llm.requests[1]["messages"][-1]["content"]
    assert '"id": "s1"' in told
    assert "Write the remaining steps" in told


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.MALFORMED, "near"),
        (Fault.UNKNOWN_CAPABILITY, "no capability 'read_minds'"),
        (Fault.CYCLE, "form a cycle"),
    ],
)
async def test_an_answer_that_stays_wrong_fails_after_the_bound_and_says_why(fault, said):
    with (
        ScriptedLLM({GOAL: ANSWER}, faults=[fault] * 9) as llm,
        pytest.raises(DecomposeFailed, match=said),
    ):
        await decomposed(llm, max_repairs=2)

    assert len(llm.requests) == 3


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.STALL, "stalled: no token for 3 s"),
        (Fault.HTTP_500, "HTTP 500"),
        (Fault.HTTP_429, "HTTP 429.*limits the rate"),
        (Fault.UNAUTHORIZED, "HTTP 401.*check the API key"),
        (Fault.DISCONNECT, "broke off its answer at http"),
    ],
)
async def test_a_provider_that_fails_is_named_with_its_fault_and_is_not_asked_again(fault, said):
    with ScriptedLLM({GOAL: ANSWER}, faults=[fault] * 9) as llm, pytest.raises(DecomposeFailed, match=said):
        await decomposed(llm)

    assert len(llm.requests) == 1


async def test_a_refused_request_is_repeated_by_the_client_as_often_as_allowed():
    with ScriptedLLM({GOAL: ANSWER}, faults=[Fault.HTTP_500]) as llm:
        assert await decomposed(llm, max_retries=1) == steps()

    assert len(llm.requests) == 2


async def test_an_answer_that_takes_too_long_in_all_fails_though_tokens_still_come():
    with (
        ScriptedLLM({GOAL: ANSWER}, tokens_per_s=20) as llm,
        pytest.raises(DecomposeFailed, match=r"did not finish in 0.6 s"),
    ):
        await decomposed(llm, timeout_s=0.6)


async def test_a_server_that_never_answers_fails_by_the_first_token():
    with (
        ScriptedLLM({GOAL: ANSWER}, ttft_s=30) as llm,
        pytest.raises(DecomposeFailed, match=r"no first token for 0.3 s"),
    ):
        await decomposed(llm, first_token_s=0.3)


async def test_a_server_that_is_not_there_fails_clearly():
    with ScriptedLLM({}) as llm:
        address = config(llm)
    with pytest.raises(DecomposeFailed, match=r"cannot be reached at http://127\.0\.0\.1"):
        async with asking(address, ASKED) as stream:
            _ = [step async for step in stream]


@pytest.mark.parametrize("fault", [Fault.HTTP_500, Fault.UNAUTHORIZED, Fault.DISCONNECT, Fault.MALFORMED])
async def test_the_key_is_in_no_error_no_traceback_and_no_log(fault, caplog):
    caplog.set_level(logging.DEBUG)
    with ScriptedLLM({GOAL: ANSWER}, faults=[fault] * 9) as llm:
        with pytest.raises(DecomposeFailed) as caught:
            await decomposed(llm)
        shown = [
            str(caught.value),
            repr(caught.value),
            "".join(traceback.format_exception(caught.value)),
            str(pickle.loads(pickle.dumps(caught.value))),  # noqa: S301 -- our own bytes
            repr(config(llm)),
            caplog.text,
        ]

    assert llm.keys[0] == KEY
    assert not [text for text in shown if KEY in text]


async def test_closing_the_steps_hangs_up_so_that_the_server_stops_writing():
    holds = threading.Semaphore(0)
    with ScriptedLLM({GOAL: ANSWER}, holds=holds) as llm:
        async with asking(config(llm), ASKED) as stream:
            async for _ in stream:
                break
        assert await asyncio.to_thread(llm.hung_up.wait, 10)
