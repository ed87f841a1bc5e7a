"""One agent of each kind for each behaviour, against real counterparts: what the contract of kinds runs."""

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import mcp_tools
from a2a_agents import remote_agent
from http_counterpart import HttpCounterpart, http_counterpart
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from pydantic_ai import Agent
from pydantic_ai.models.function import AgentInfo, DeltaToolCalls, FunctionModel
from typing_extensions import TypedDict

from actors.catalog import parse_catalog
from actors.context import Context
from planners.agents import AgentSpec

SECRET_NAME, SECRET = "KIND_SECRET", "s3cret-of-a-kind"
LARGE = 40_000
NOWHERE = "http://127.0.0.1:9"
BEHAVIOURS = ("returns", "fails", "waits", "large", "tells", "crashes")
KINDS = ("async", "sync", "command", "http", "llm", "mcp", "a2a", "langgraph", "pydantic_ai", "batch")


@dataclass(frozen=True)
class Case:
    """An agent that behaves in one way, its inputs, and what it returns, if it does."""

    agent: AgentSpec
    inputs: dict[str, Any] = field(default_factory=dict)
    output: Any = "done"


# ---- callables, graphs and agents that behave as they are told


class Crash(BaseException):
    """Like an exit of the process, but without its effect on the event loop of a test."""


async def acts(do: str, context: Context) -> str:
    if do == "waits":
        await asyncio.Event().wait()
    return _did(do, context)


def acts_by_blocking(do: str, context: Context) -> str:
    if do == "waits":
        threading.Event().wait(60)
    return _did(do, context)


async def acts_on_many(do: list[str]) -> list[str]:
    if "waits" in do:
        await asyncio.Event().wait()
    return [_did(one, None) for one in do]


def _did(do: str, context: Context | None) -> str:
    secret = "" if context is None else context.env.get(SECRET_NAME, "")
    if do == "fails":
        raise ValueError(f"out of ink, with {secret or SECRET}")
    if do == "crashes":
        raise Crash(3)
    if do == "tells" and context is not None:
        context.progress(f"half of it, with {secret}", 0.5)
    return LARGE * "x" if do == "large" else "done"


class State(TypedDict, total=False):
    do: str
    said: str


async def _node(state: State) -> State:
    if state["do"] == "waits":
        await asyncio.Event().wait()
    if state["do"] == "tells":
        get_stream_writer()(f"half of it, with {SECRET}")
    return {"said": _did(state["do"], None)}


_graph = StateGraph(State)
_graph.add_node("node", _node)
_graph.add_edge(START, "node")
_graph.add_edge("node", END)
graph = _graph.compile()


async def _says(messages: list[Any], info: AgentInfo) -> Any:
    raise NotImplementedError  # every request is streamed


async def _says_in_pieces(messages: list[Any], info: AgentInfo) -> "Iterator[str | DeltaToolCalls]":
    do = messages[-1].parts[-1].content
    if do == "waits":
        await asyncio.Event().wait()
    said = _did(do, None)
    yield f"half of it, with {SECRET}" if do == "tells" else said


chatty = Agent(FunctionModel(_says, stream_function=_says_in_pieces), name="chatty")  # type: ignore[arg-type]


# ---- a case of each kind and behaviour


@contextmanager
def counterparts() -> Iterator["Counterparts"]:
    """Servers of all protocols."""
    with ExitStack() as stack:
        http = stack.enter_context(http_counterpart())
        http.answers = {f"/{do}": _http_answer(do) for do in BEHAVIOURS}
        http.answers |= {f"/{do}/v1/chat/completions": _chat_answer(do) for do in BEHAVIOURS}
        mcp, _ = stack.enter_context(mcp_tools.over_http())
        yield Counterparts(http, mcp, stack.enter_context(remote_agent()).url)


@dataclass(frozen=True)
class Counterparts:
    """The addresses of real servers. ``secret``: agents send one."""

    http: HttpCounterpart
    mcp: str
    a2a: str
    secret: bool = True

    def case(self, kind: str, do: str, **fields: Any) -> Case:
        """The agent of a kind that behaves so. ``fields`` go into its catalog entry."""
        known, inputs, output = getattr(self, f"_{kind}")(do)
        env = [SECRET_NAME] if self.secret else []
        entry = {"name": f"{kind}-{do}", "capability": "c", "effect": "pure", "env": env, **known, **fields}
        kept = {key: value for key, value in entry.items() if not (key == "kind" and kind in ("async", "sync"))}
        (agent,) = parse_catalog({"agents": [kept]}).agents
        return Case(agent, inputs, LARGE * "x" if do == "large" and output == "done" else output)

    def _async(self, do: str) -> Any:
        return {"target": "kinds:acts"}, {"do": do}, "done"

    def _sync(self, do: str) -> Any:
        return {"target": "kinds:acts_by_blocking"}, {"do": do}, "done"

    def _batch(self, do: str) -> Any:
        return {"kind": "batch", "target": "kinds:acts_on_many"}, {"do": do}, "done"

    def _langgraph(self, do: str) -> Any:
        return {"kind": "langgraph", "target": "kinds:graph", "settings": {"output": "said"}}, {"do": do}, "done"

    def _pydantic_ai(self, do: str) -> Any:
        output = f"half of it, with {SECRET}" if do == "tells" else "done"
        return {"kind": "pydantic_ai", "target": "kinds:chatty", "settings": {"stream": True}}, {"prompt": do}, output

    def _command(self, do: str) -> Any:
        lines = {
            "returns": "open('out', 'w').write('done')",
            "fails": "sys.exit('out of ink, with ' + os.environ['KIND_SECRET'])",
            "waits": "time.sleep(60)",
            "large": f"open('out', 'w').write({LARGE} * 'x')",
            "tells": "print('half of it, with ' + os.environ['KIND_SECRET'], '50 %'); open('out', 'w').write('done')",
            "crashes": "os.kill(os.getpid(), 9)",
        }
        target = [sys.executable, "-c", f"import os, sys, time; {lines[do]}"]
        return {"kind": "command", "target": target, "settings": {"output": "out", "format": "text"}}, {}, "done"

    def _http(self, do: str) -> Any:
        base = NOWHERE if do == "crashes" else self.http.url
        headers = {"Authorization": "Bearer {{ secret('KIND_SECRET') }}"} if self.secret else {}
        settings = {"allow": ["127.0.0.1"], "format": "text", "headers": headers}
        return {"kind": "http", "target": f"{base}/{do}", "settings": settings}, {}, "done"

    def _llm(self, do: str) -> Any:
        base = f"{NOWHERE}/v1" if do == "crashes" else f"{self.http.url}/{do}/v1"
        key = {"api_key": SECRET_NAME} if self.secret else {}
        settings = {"prompt": "Act", "base_url": base, **key, "max_retries": 0, "stream": True}
        output = f"half of it, with {SECRET}" if do == "tells" else "done"
        return {"kind": "llm", "target": "small", "settings": settings}, {}, output

    def _mcp(self, do: str) -> Any:
        tool = {"returns": "text", "fails": "refuses", "large": "large", "tells": "counts"}.get(do, "waits")
        url = f"{NOWHERE}/mcp" if do == "crashes" else self.mcp
        output = {"returns": "some text", "tells": {"result": "counted"}, "large": LARGE * "x"}.get(do)
        return {"kind": "mcp", "target": tool, "settings": {"url": url}}, {}, output

    def _a2a(self, do: str) -> Any:
        said = {"returns": "done", "fails": "fail", "waits": "wait", "large": LARGE * "x", "tells": "report"}.get(
            do, ""
        )
        output = {"returns": "DONE", "large": LARGE * "X", "tells": "a draft"}.get(do)
        target = NOWHERE if do == "crashes" else self.a2a
        return {"kind": "a2a", "target": target}, {"text": said}, output


def _http_answer(do: str) -> Any:
    body = {"fails": f"out of ink, with {SECRET}", "waits": None, "large": (LARGE * "x").encode()}.get(do, b"done")
    return (500 if do == "fails" else 200), {}, body


def _chat_answer(do: str) -> Any:
    if do in ("fails", "waits"):
        return _http_answer(do)
    said = {"large": LARGE * "x", "tells": f"half of it, with {SECRET}"}.get(do, "done")
    known = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "small"}
    chunks = [{**known, "choices": [{"index": 0, "delta": {"role": "assistant", "content": said}}]}]
    chunks.append({**known, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    return 200, {"Content-Type": "text/event-stream"}, body.encode()
