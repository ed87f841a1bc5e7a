"""LangGraph with its SQLite checkpointer, in this process: every step of a graph is checkpointed."""

import operator
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from benchmarks.peers.workload import STEPS, check, end_of_chain, nap, pass_on, with_open_tasks


class ChainState(TypedDict):
    """The state of a chain."""

    value: Any


class FanState(TypedDict):
    """The state of a fan: what it maps over, and what came back."""

    numbers: list[int]
    values: Annotated[list[Any], operator.add]


class LangGraphPeer:
    """Fulfils `Peer`."""

    def __init__(self, saver: Any) -> None:
        self._chain, self._fan, self._naps = _chain(saver), _fan(saver, pass_on), _fan(saver, nap)
        self._threads = count()

    async def chains(self, numbers: range) -> None:
        """See `Peer`."""

        async def one(number: int) -> Any:
            return (await self._run(self._chain, {"value": number}))["value"]

        check(await with_open_tasks(one, numbers), [end_of_chain(number) for number in numbers])

    async def fan(self, width: int) -> None:
        """See `Peer`."""
        state = await self._run(self._fan, {"numbers": list(range(width)), "values": []})
        check(state["values"], [{"before": number} for number in range(width)])

    async def naps(self, width: int) -> None:
        """See `Peer`."""
        state = await self._run(self._naps, {"numbers": list(range(width)), "values": []})
        check(state["values"], list(range(width)))

    async def _run(self, graph: Any, state: dict[str, Any]) -> Any:
        return await graph.ainvoke(state, {"configurable": {"thread_id": str(next(self._threads))}})


def _chain(saver: Any) -> Any:
    async def step(state: ChainState) -> ChainState:
        return {"value": await pass_on(state["value"])}

    graph = StateGraph(ChainState)
    names = [f"s{index}" for index in range(STEPS)]
    for name in names:
        graph.add_node(name, step)
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    return graph.compile(checkpointer=saver)


def _fan(saver: Any, body: Callable[[Any], Any]) -> Any:
    async def step(state: dict[str, Any]) -> dict[str, Any]:
        return {"values": [await body(state["number"])]}

    def split(state: FanState) -> list[Any]:
        return [Send("step", {"number": number}) for number in state["numbers"]]

    graph: Any = StateGraph(FanState)
    graph.add_node("step", step)
    graph.add_conditional_edges(START, split, ["step"])
    graph.add_edge("step", END)
    return graph.compile(checkpointer=saver)


@asynccontextmanager
async def opened(folder: Path, variant: str) -> AsyncIterator[LangGraphPeer]:  # noqa: ARG001 - peers are opened alike
    """Graphs whose checkpoints go into a file, with the defaults of the checkpointer."""
    async with AsyncSqliteSaver.from_conn_string(str(folder / "checkpoints.sqlite3")) as saver:
        yield LangGraphPeer(saver)
