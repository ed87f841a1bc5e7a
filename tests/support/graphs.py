"""Graphs of LangGraph and agents of pydantic-ai, as users have them."""

import operator
from pathlib import Path
from typing import Annotated

from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from pydantic import BaseModel
from pydantic_ai import Agent, RunContext
from pydantic_ai.models.test import TestModel
from typing_extensions import TypedDict

from actors.context import Context


class Letter(TypedDict, total=False):
    topic: str
    folder: str
    parts: Annotated[list[str], operator.add]
    signed: str


def _count(state: Letter, node: str) -> int:
    """How often a node has run, counted outside the graph."""
    file = Path(state["folder"], node)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(".")
    return len(file.read_text(encoding="utf-8"))


async def _draft(state: Letter) -> Letter:
    _count(state, "draft")
    get_stream_writer()(f"writes about {state['topic']}")
    return {"parts": [f"Dear {state['topic']}"]}


def _polish(state: Letter) -> Letter:
    if _count(state, "polish") == 1 and state["topic"] == "fail once":
        raise ValueError("out of ink")
    return {"parts": ["Yours"]}


def _sign(state: Letter) -> Letter:
    return {"signed": interrupt({"sign": state["parts"]})}


def _chain(*nodes: str) -> StateGraph[Letter]:
    graph = StateGraph(Letter)
    known = {"draft": _draft, "polish": _polish, "sign": _sign}
    for before, node in zip((START, *nodes), nodes, strict=False):
        graph.add_node(node, known[node])
        graph.add_edge(before, node)
    graph.add_edge(nodes[-1], END)
    return graph


letter = _chain("draft", "polish").compile()
signed_letter = _chain("draft", "sign").compile()
not_compiled = _chain("draft")


class Film(BaseModel):
    title: str
    year: int


film_expert = Agent(TestModel(custom_output_args={"title": "Alien", "year": 1979}), output_type=Film, name="expert")
greeter = Agent(TestModel(call_tools=["name"]), deps_type=str, name="greeter")


@greeter.tool
async def name(context: RunContext[str]) -> str:
    """The name of the user."""
    return context.deps


def task_of(context: Context) -> str:
    return f"task {context.task}"


class Embedder:
    """Stands for a model that is loaded once."""

    def __call__(self, text: list[str]) -> list[list[float]]:
        return [[float(len(one))] for one in text]
