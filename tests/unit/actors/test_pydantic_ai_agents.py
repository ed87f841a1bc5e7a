"""Agents of pydantic-ai in the catalog, by import path."""

from typing import Any

import pytest
from invocations import invocation_of

from actors.catalog import parse_catalog
from actors.errors import InvalidCatalog
from actors.executor.execution import run_async
from actors.invocation import Ended
from actors.logs.limits import LogLimits
from planners.agents import AgentSpec
from reconciler.state.handoff import FailureKind

pytest.importorskip(
    "langgraph", reason="the module of the test agents has graphs, too: pip install 'forerun[langgraph]'"
)


def declared(target: str, **settings: Any) -> AgentSpec:
    entry = {"name": "a", "capability": "c", "kind": "pydantic_ai", "target": f"graphs:{target}", "effect": "pure"}
    return parse_catalog({"agents": [{**entry, "settings": settings}]}).agents[0]


async def ended(agent: AgentSpec, **inputs: Any) -> Ended:
    call = invocation_of(agent, inputs, logs=LogLimits())
    return (await run_async(call, ())).ended


async def test_its_output_type_is_the_output_schema_and_what_it_used_is_counted():
    agent = declared("film_expert", prompt="Name a film about {{ topic }}.")

    end = await ended(agent, topic="space")

    assert end.handoff is not None, end.failure
    assert end.handoff.output == {"title": "Alien", "year": 1979}
    assert end.handoff.usage is not None
    assert end.handoff.usage.requests == 1
    assert agent.output_schema is not None
    assert set(agent.output_schema["properties"]) == {"title", "year"}
    assert agent.input_schema is not None
    assert agent.input_schema["required"] == ["topic"]


async def test_its_tools_get_dependencies_made_of_the_attempt_and_its_words_are_progress():
    end = await ended(declared("greeter", deps="graphs:task_of", stream=True), prompt="Greet me")

    assert end.handoff is not None, end.failure
    assert "task t" in end.handoff.output
    told = [line.text for batch in end.logs for line in batch.lines() if line.stream == "progress"]
    assert "calls name" in told
    assert told[-1] == end.handoff.output


async def test_missing_inputs_are_refused_before_anything_is_asked():
    failure = (await ended(declared("greeter"))).failure

    assert failure is not None
    assert failure.kind is FailureKind.BAD_INPUT


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"target": "graphs:letter"}, "target"),
        ({"target": "graphs:nothing"}, "target"),
        ({"effect": "stageable"}, "effect"),
        ({"settings": {"deps": "graphs:nothing"}}, "target"),
        ({"settings": {"prompt": "{{ x"}}, "settings.prompt"),
    ],
)
def test_a_mistake_in_the_catalog_is_named_with_its_fix(entry: dict[str, Any], field: str):
    known = {"name": "a", "capability": "c", "kind": "pydantic_ai", "target": "graphs:greeter", "effect": "pure"}

    with pytest.raises(InvalidCatalog) as caught:
        parse_catalog({"agents": [{**known, **entry}]})

    assert caught.value.field == f"agents.0.{field}"
    assert caught.value.fix
