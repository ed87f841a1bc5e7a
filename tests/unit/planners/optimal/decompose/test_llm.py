"""The decomposer over a chat model that is a function: what is told to it, and when it is left alone."""

import json

import pytest
from goals import ANSWER, CATALOG, GOAL, steps
from pydantic_ai.exceptions import ModelConnectionError, ModelHTTPError
from pydantic_ai.models.function import FunctionModel

from planners.agents import AgentSpec, Catalog
from planners.errors import DecomposeFailed
from planners.interfaces import interfaces
from planners.optimal.decompose.config import LLMConfig
from planners.optimal.decompose.goals import GoalText
from planners.optimal.decompose.llm import LLMDecomposer
from planners.optimal.decompose.provider import ChatTokens
from planners.optimal.decompose.refusals import refusal
from planners.optimal.decompose.schema import answer_schema

CONFIG = LLMConfig(base_url="http://nowhere.invalid", model="function")


def decomposer(*answers, config=CONFIG):
    """Each conversation turn gets the next answer, in pieces of three characters."""
    left, received = list(answers), []

    async def write(messages, info):
        received.append(messages)
        text = left.pop(0)
        for start in range(0, len(text), 3):
            yield text[start : start + 3]

    model = FunctionModel(stream_function=write, profile={"supports_json_schema_output": True})
    return LLMDecomposer(config, ChatTokens(model, config)), received


async def decomposed(made, catalog=CATALOG):
    return [step async for step in made.steps(GoalText(text=GOAL), catalog)]


def text(answer):
    return json.dumps({"steps": answer})


async def test_a_cut_off_answer_is_continued_after_the_last_accepted_step():
    whole = text(ANSWER)
    made, received = decomposer(whole[: whole.index('"s3"')], text(ANSWER[2:]))

    assert await decomposed(made) == steps()
    told = str(received[1][-1].parts[0].content)
    assert '"s2"' in told
    assert json.dumps(ANSWER[0]["inputs"]) in told


async def test_a_price_is_a_literal_and_no_reference():
    catalog = Catalog(agents=(AgentSpec(name="buyer", capability="buy"),))
    made, _ = decomposer(text([{"id": "s1", "capability": "buy", "inputs": {"most": "$5", "of": ["$7", "tea"]}}]))

    (step,) = await decomposed(made, catalog)

    assert step.inputs["most"].value == "$5"
    assert step.inputs["of"].value == ["$7", "tea"]


async def test_an_answer_without_steps_is_no_plan():
    made, _ = decomposer(*[text([])] * 3)
    with pytest.raises(DecomposeFailed, match="holds no step"):
        await decomposed(made)


async def test_a_catalog_without_agents_asks_nobody():
    made, received = decomposer()
    with pytest.raises(DecomposeFailed, match="holds no agent"):
        await decomposed(made, Catalog())
    assert received == []


def test_the_schema_is_strict_where_the_capabilities_say_what_they_take():
    _, strict = answer_schema(interfaces(CATALOG).values())
    _, loose = answer_schema(interfaces(Catalog(agents=(AgentSpec(name="any", capability="any"),))).values())

    assert (strict, loose) == (True, False)


def test_a_catalog_beyond_the_limits_of_strict_mode_is_a_hint():
    nothing = {"type": "object", "properties": {}}
    many = tuple(AgentSpec(name=f"a{i}", capability=f"c{i}", input_schema=nothing) for i in range(1001))

    assert answer_schema(interfaces(Catalog(agents=many[:1000])).values())[1]
    assert not answer_schema(interfaces(Catalog(agents=many)).values())[1]


def test_a_key_is_struck_out_of_whatever_is_shown():
    config = LLMConfig(base_url="http://x", model="m", api_key="sk-1")

    assert config.scrubbed("refused sk-1") == "refused ***"
    assert "sk-1" not in repr(config)


@pytest.mark.parametrize(
    ("written", "read"), [(r"\ud83d\ude00", "\U0001f600"), (r"a\ud83d", "a\ufffd"), (r"\ude00b", "\ufffdb")]
)
async def test_a_lone_surrogate_in_an_answer_becomes_a_character_that_can_be_stored(written, read):
    made, _ = decomposer(text([{**ANSWER[0], "inputs": {"url": "X"}}]).replace("X", written))

    (step,) = await decomposed(made)

    assert step.inputs["url"].value == read
    assert json.loads(step.model_dump_json())


async def test_an_answer_that_is_too_long_ends_the_decomposition():
    config = CONFIG.model_copy(update={"max_answer_chars": 100})
    made, received = decomposer(text(ANSWER), config=config)

    with pytest.raises(DecomposeFailed, match="more than 100 characters"):
        await decomposed(made)
    assert len(received) == 1


async def test_a_plan_with_too_many_steps_ends_the_decomposition():
    config = CONFIG.model_copy(update={"max_steps": 2})
    made, received = decomposer(text(ANSWER), config=config)

    with pytest.raises(DecomposeFailed, match="more than 2 steps"):
        await decomposed(made)
    assert len(received) == 1


def caused(error, cause):
    error.__cause__ = cause
    return error


HIDDEN = LLMConfig(base_url="http://user:p4ss@llm.example/v1", model="small", api_key="s3cret")


@pytest.mark.parametrize(
    ("error", "message", "fix"),
    [
        (
            caused(ModelConnectionError("small", "Connection error."), OSError("All connection attempts failed")),
            "cannot be reached at http://llm.example/v1: Connection error: All connection attempts failed",
            "check llm.base_url",
        ),
        (
            ModelHTTPError(401, "small", {"message": "no key s3cret", "type": "x"}),
            "answered with HTTP 401: no key ***",
            "check the API key",
        ),
        (
            ModelHTTPError(400, "small", {"error": {"message": "no response_format"}}),
            "answered with HTTP 400: no response_format",
            "check llm.model, llm.output and llm.extra",
        ),
        (ModelHTTPError(404, "small", "<html>"), "answered with HTTP 404: <html>", "check llm.base_url and llm.model"),
        (ModelHTTPError(502, "small"), "answered with HTTP 502: nothing else", "try again"),
        (ValueError("s3cret"), "failed: ValueError: ***", "try again"),
    ],
    ids=["no connection", "a wrong key", "refused", "another address", "a server error", "anything"],
)
def test_what_a_provider_said_is_told_with_what_to_do(error, message, fix):
    refused = refusal(error, HIDDEN)

    assert refused.message == f"the LLM small {message}"
    assert refused.fix.startswith(fix)
