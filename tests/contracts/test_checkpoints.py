"""The checkpointer passes LangGraph's own conformance suite on every database; other processes find what it keeps."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

pytest.importorskip("langgraph.checkpoint.conformance", reason="pip install langgraph-checkpoint-conformance")
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from actors.checkpoints.saver import SqlCheckpoints


async def test_every_capability_of_the_published_suite_passes(database_url: str):
    @checkpointer_test(name="SqlCheckpoints")
    async def checkpoints() -> AsyncIterator[BaseCheckpointSaver]:
        with SqlCheckpoints(database_url) as saver:
            yield saver

    report = await validate(checkpoints)

    failed = {name: result.failures for name, result in report.results.items() if result.tests_failed}
    assert not failed
    assert report.passed_all()
    assert sum(result.tests_passed for result in report.results.values()) > 60


async def test_a_graph_that_has_asked_goes_on_over_another_connection(database_url: str):
    config = {"configurable": {"thread_id": "t"}}
    with SqlCheckpoints(database_url) as saver:
        asked = await _signed(saver).ainvoke({"text": "Dear"}, config)
    with SqlCheckpoints(database_url) as saver:
        ended = await _signed(saver).ainvoke(Command(resume="Ada"), config)

    assert [interrupt.value for interrupt in asked["__interrupt__"]] == ["Who signs?"]
    assert ended == {"text": "Dear, Ada"}


class _Letter(TypedDict):
    text: str


def _sign(state: _Letter) -> _Letter:
    return {"text": f"{state['text']}, {interrupt('Who signs?')}"}


def _signed(saver: BaseCheckpointSaver) -> Any:
    graph = StateGraph(_Letter)
    graph.add_node("sign", _sign)
    graph.add_edge(START, "sign")
    return graph.compile(checkpointer=saver)
