"""One run of a LangGraph graph: from its input, from where an earlier attempt stopped, or from an interrupt."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.pregel import Pregel
from langgraph.types import Command, StateSnapshot

from actors.errors import BadInput

_INTERRUPT = "__interrupt__"


@dataclass
class GraphEnd:
    """How a run has ended: its state, and what it asks if it has interrupted itself."""

    state: Any = None
    interrupts: list[Any] = field(default_factory=list)


class GraphRun:
    """Runs a graph under a thread; what its nodes do is told as progress."""

    def __init__(
        self, graph: Pregel[Any, Any, Any, Any], thread: str, max_steps: int, tell: Callable[[str], None]
    ) -> None:
        self._graph = graph
        self._config: RunnableConfig = {"configurable": {"thread_id": thread}, "recursion_limit": max_steps}
        self._tell = tell

    async def ended(self, inputs: Mapping[str, Any]) -> GraphEnd:
        """Run to the end, or to an interrupt. Without checkpoints, every run begins with its inputs.

        Raises:
            BadInput: it is to be resumed, and nothing is stored.
        """
        stored = await self._stored()
        if stored is None:
            if "resume" in inputs:
                fix = "give the thread of the output that was interrupted, and set settings.checkpoints"
                raise BadInput("there is nothing to resume", "inputs.thread", fix)
            return await self._run(dict(inputs))
        if stored.interrupts:
            if "resume" in inputs:
                return await self._run(Command(resume=inputs["resume"]))
            return GraphEnd(stored.values, [interrupt.value for interrupt in stored.interrupts])
        return await self._run(None) if stored.next else GraphEnd(stored.values)

    async def _stored(self) -> StateSnapshot | None:
        if not self._graph.checkpointer:
            return None
        state = await self._graph.aget_state(self._config)
        return None if state.created_at is None else state

    async def _run(self, given: Any) -> GraphEnd:
        end = GraphEnd()
        stream: AsyncIterator[Any] = self._graph.astream(
            given, self._config, stream_mode=["updates", "custom", "values"]
        )
        async for mode, chunk in stream:
            if mode == "values":
                end.state = chunk
            elif mode == "custom":
                self._tell(str(chunk))
            elif _INTERRUPT in chunk:
                end.interrupts = [interrupt.value for interrupt in chunk[_INTERRUPT]]
            else:
                self._tell(f"{', '.join(chunk)} done")
        return end
