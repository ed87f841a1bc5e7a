"""The decomposer over a chat model that is a function: what is told to it, and when it is left alone."""

import pytest
from goals import ANSWER, CATALOG, GOAL, steps
from pydantic_ai.models.function import FunctionModel

from planners.agents import AgentSpec, Catalog
from planners.errors import DecomposeFailed
from planners.interfaces import interfaces
from planners.optimal.decompose.config import LLMConfig
from planners.optimal.decompose.goals import GoalText
from planners.optimal.decompose.llm import LLMDecomposer
from planners.optimal.decompose.provider import ChatTokens
from planners.optimal.decompose.schema import answer_schema

CONFIG = LLMConfig(base_url="http://nowhere.invalid", model="function")


def decomposer(*answers):
    """Each conversation turn gets the next answer, in pieces of three characters."""
    left, heard = list(answers), []

    async def write(messages, info):
        heard.append(messages)
        text = left.pop(0)
        for start in range(0, len(text), 3):
            yield text[start : start + 3]

    model = FunctionModel(stream_function=write, profile={"supports_json_schema_output": True})
    return LLMDecomposer(CONFIG, ChatTokens(model, CONFIG)), heard


async def decomposed(made, catalog=CATALOG):
    return [step async for step in made.steps(GoalText(text=GOAL), catalog)]


def text(answer):
    import json  # noqa: PLC0415

    return json.dumps({"steps": answer})


async def test_a_cut_off_answer_is_continued_from_the_last_step_that_stands():
    whole = text(ANSWER)
    made, heard = decomposer(whole[: whole.index('"s3"')], text(ANSWER[2:]))

    assert await decomposed(made) == steps()
    assert '"s2"' in str(heard[1][-1].parts[0].content)


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
    made, heard = decomposer()
    with pytest.raises(DecomposeFailed, match="holds no agent"):
        await decomposed(made, Catalog())
    assert heard == []


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
