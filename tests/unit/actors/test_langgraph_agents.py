"""Compiled graphs of LangGraph as agents: output, progress, crashes, and interrupts that outlive the process."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from invocations import invocation_of

pytest.importorskip("langgraph", reason="pip install 'forerun[langgraph]'")

from actors.catalog import parse_catalog
from actors.errors import InvalidCatalog
from actors.executor.execution import run_async
from actors.invocation import Ended, Invocation
from actors.kinds import langgraph_agent
from actors.logs.limits import LogLimits
from planners.agents import AgentSpec, Effect
from reconciler.state.handoff import FailureKind


def declared(graph: str = "letter", **settings: Any) -> AgentSpec:
    entry = {"name": "graph", "capability": "write", "kind": "langgraph", "target": f"graphs:{graph}"}
    return parse_catalog({"agents": [{**entry, "effect": "idempotent", "settings": settings}]}).agents[0]


def invocation(agent: AgentSpec, **inputs: Any) -> Invocation:
    return invocation_of(agent, inputs, logs=LogLimits())


async def ended(agent: AgentSpec, **inputs: Any) -> Ended:
    return (await run_async(invocation(agent, **inputs), ())).ended


def output(end: Ended) -> Any:
    assert end.handoff is not None, end.failure
    return end.handoff.output


def runs(folder: Path, node: str) -> int:
    file = folder / node
    return len(file.read_text(encoding="utf-8")) if file.exists() else 0


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[str]:
    """The URL of a database, to which this process keeps its connections."""
    url = f"sqlite:///{tmp_path / 'graphs.sqlite3'}"
    yield url
    langgraph_agent._saver_at(url).close()


async def test_the_final_state_is_the_output_and_the_nodes_are_the_progress(tmp_path: Path):
    end = await ended(declared(), topic="Ada", folder=str(tmp_path))

    assert output(end) == {"topic": "Ada", "folder": str(tmp_path), "parts": ["Dear Ada", "Yours"]}
    told = [line.text for batch in end.logs for line in batch.lines() if line.stream == "progress"]
    assert told == ["writes about Ada", "draft done", "polish done"]


async def test_a_key_of_the_state_can_be_the_output(tmp_path: Path):
    assert output(await ended(declared(output="parts"), topic="Ada", folder=str(tmp_path))) == ["Dear Ada", "Yours"]

    failure = (await ended(declared(output="part"), topic="Ada", folder=str(tmp_path))).failure
    assert failure is not None
    assert failure.kind is FailureKind.BAD_OUTPUT
    assert "parts" in failure.fix


async def test_another_try_goes_on_behind_the_last_node_that_was_finished(tmp_path: Path, stored: str):
    agent = declared(checkpoints=stored)

    first = await ended(agent, topic="fail once", folder=str(tmp_path))
    second = await ended(agent, topic="fail once", folder=str(tmp_path))
    third = await ended(agent, topic="fail once", folder=str(tmp_path))

    assert first.failure is not None
    assert "out of ink" in first.failure.message
    assert output(second)["parts"] == output(third)["parts"] == ["Dear fail once", "Yours"]
    assert (runs(tmp_path, "draft"), runs(tmp_path, "polish")) == (1, 2)


async def test_an_interrupt_is_resumed_by_another_step_in_another_process(tmp_path: Path, stored: str):
    agent = declared("signed_letter", checkpoints=stored)
    asked = output(await ended(agent, topic="Ada", folder=str(tmp_path)))
    langgraph_agent._saver_at(stored).close()
    langgraph_agent._saver_at.cache_clear()  # as in another process
    resume = replace(invocation(agent, thread=asked["thread"], resume="Grace"), work_key="other")

    result = (await run_async(resume, ())).ended
    again = (await run_async(replace(resume, inputs={"thread": asked["thread"], "resume": "Bob"}), ())).ended

    assert asked["interrupted"] == [{"sign": ["Dear Ada"]}]
    assert output(result)["signed"] == output(again)["signed"] == "Grace"
    assert runs(tmp_path, "draft") == 1


async def test_without_a_stored_thread_there_is_nothing_to_resume(stored: str):
    failure = (await ended(declared(checkpoints=stored), thread="unknown", resume=1)).failure

    assert failure is not None
    assert failure.kind is FailureKind.BAD_INPUT
    assert failure.fix


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"target": "graphs:nothing"}, "target"),
        ({"target": "graphs:not_compiled"}, "target"),
        ({"target": ["graphs"]}, "target"),
        ({"effect": None}, "effect"),
        ({"effect": "stageable"}, "effect"),
        ({"settings": {"checkpoint": "x"}}, "settings.checkpoint"),
        ({"settings": {"checkpoints": "{{ secret('DB') }}"}}, "settings.checkpoints"),
    ],
)
def test_a_mistake_in_the_catalog_is_named_with_its_fix(entry: dict[str, Any], field: str):
    known = {"name": "a", "capability": "c", "kind": "langgraph", "target": "graphs:letter", "effect": Effect.PURE}
    whole = {key: value for key, value in {**known, **entry}.items() if value is not None}

    with pytest.raises(InvalidCatalog) as caught:
        parse_catalog({"agents": [whole]})

    assert caught.value.field == f"agents.0.{field}"
    assert caught.value.fix
