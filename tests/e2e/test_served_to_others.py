"""Forerun as an agent of others: the official clients of A2A and MCP use a real service."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from a2a.client import A2ACardResolver, Client, ClientConfig, ClientFactory
from a2a.types import (
    AgentCard,
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    Message,
    Part,
    Role,
    SendMessageRequest,
    StreamResponse,
    Task,
    TaskState,
)
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct, Value
from live_service import Service
from mcp.client import Client as McpClient
from polling import until

_PATIENCE_S = 300.0  # a guard against hangs


@asynccontextmanager
async def agent(service: Service, *, streaming: bool = True) -> AsyncIterator[tuple[AgentCard, Client]]:
    """The service's card, and a client of A2A for it."""
    async with asyncio.timeout(_PATIENCE_S), httpx.AsyncClient(timeout=_PATIENCE_S, trust_env=False) as http:
        card = await A2ACardResolver(http, service.url).get_agent_card()
        yield card, ClientFactory(ClientConfig(httpx_client=http, streaming=streaming)).create(card)


def asked(skill: str, data: dict[str, Any] | str, task: Task | None = None) -> SendMessageRequest:
    """A message for a skill, or for a task that asks."""
    part = Part(text=data) if isinstance(data, str) else Part(data=json_format.ParseDict(data, Value()))
    message = Message(
        message_id=uuid.uuid4().hex,
        role=Role.ROLE_USER,
        parts=[part],
        metadata=json_format.ParseDict({"skill": skill}, Struct()),
        task_id=task.id if task is not None else "",
        context_id=task.context_id if task is not None else "",
    )
    return SendMessageRequest(message=message)


async def answers(client: Client, request: SendMessageRequest) -> list[StreamResponse]:
    """Everything that the client gets."""
    return [event async for event in client.send_message(request)]


async def result(client: Client, request: SendMessageRequest) -> Task:
    """The task in the only answer."""
    (only,) = await answers(client, request)
    return only.task


async def test_capabilities_and_workflows_are_skills(service: Service):
    async with agent(service) as (card, _):
        skills = {skill.id: set(skill.tags) for skill in card.skills}

    assert skills.items() >= {"count": {"capability"}, "signed": {"workflow"}}.items()
    assert not any(skill.startswith("forerun.") for skill in skills)


async def test_a_stream_begins_with_the_task_and_ends_with_its_result(service: Service):
    async with agent(service) as (_, client):
        events = await answers(client, asked("count", {"word": "seven"}))

    assert events[0].HasField("task")
    assert events[-1].status_update.status.state == TaskState.TASK_STATE_COMPLETED
    (artifact,) = [event.artifact_update.artifact for event in events if event.HasField("artifact_update")]
    assert json_format.MessageToDict(artifact.parts[0].data) == 5


async def test_a_task_asks_for_input_and_goes_on_with_the_answer(service: Service):
    async with agent(service, streaming=False) as (_, client):
        waiting = await result(client, asked("signed", {"word": "seven"}))
        ended = await result(client, asked("signed", "yes", waiting))
        found = await client.list_tasks(ListTasksRequest(context_id=waiting.context_id))

    assert waiting.status.state == TaskState.TASK_STATE_INPUT_REQUIRED
    assert "Send it?" in waiting.status.message.parts[0].text
    assert ended.status.state == TaskState.TASK_STATE_COMPLETED
    assert json_format.MessageToDict(ended.artifacts[0].parts[0].data) == 5
    assert [message.parts[0].text for message in ended.history][1:] == ["yes"]
    assert [task.id for task in found.tasks] == [waiting.id]


async def test_a_task_can_be_cancelled_and_read_by_another_client(service: Service):
    async with agent(service) as (_, client):
        stream = client.send_message(asked("sleep", {"seconds": 600}))
        begun = (await anext(stream)).task
        cancelled = await client.cancel_task(CancelTaskRequest(id=begun.id))
    async with agent(service) as (_, other):
        read = await other.get_task(GetTaskRequest(id=begun.id))

    assert cancelled.status.state == read.status.state == TaskState.TASK_STATE_CANCELED


async def test_wrong_inputs_are_refused_with_the_field(service: Service):
    async with agent(service, streaming=False) as (_, client):
        with pytest.raises(Exception, match="word"):
            await result(client, asked("count", {"wrod": "seven"}))
        with pytest.raises(Exception, match="count"):
            await result(client, asked("no such skill", {"word": "seven"}))


async def test_tools_of_mcp_run_workflows_and_report_progress(service: Service):
    heard: list[str | None] = []

    async def progress(_: float, __: float | None, message: str | None) -> None:
        heard.append(message)

    async with asyncio.timeout(_PATIENCE_S), McpClient(f"{service.url}/mcp") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        counted = await client.call_tool("count", {"word": "seven"}, progress_callback=progress)
        wrong = await client.call_tool("count", {"wrod": "seven"})
        failed = await client.call_tool("break", {"reason": "because"})

    assert tools["signed"].input_schema["required"] == ["word"]
    assert json.loads(counted.content[0].text) == 5
    assert counted.structured_content == {"output": 5}
    assert heard
    assert wrong.is_error
    assert "word" in wrong.content[0].text
    assert failed.is_error
    assert "because" in failed.content[0].text


async def test_a_call_that_the_client_gives_up_cancels_the_task(service: Service, client: Any):
    """Some time after its task has been admitted, which takes the service as long as the machine is busy."""

    def admitted() -> list[Any]:
        return list(client.list(labels={"forerun/via": "mcp"}, text="sleep").tasks)

    async with McpClient(f"{service.url}/mcp") as caller:
        calling = asyncio.ensure_future(caller.call_tool("sleep", {"seconds": 601}))
        await asyncio.to_thread(until, lambda: bool(admitted()))
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling

    (task,) = await asyncio.to_thread(admitted)
    ended = await asyncio.to_thread(client.wait, task.id)
    assert ended.status == "cancelled"


async def test_an_agent_of_pydantic_ai_runs_a_workflow_as_its_tool(service: Service):
    pytest.importorskip("fastmcp", reason="pip install 'pydantic-ai-slim[mcp]'")
    from pydantic_ai import Agent  # noqa: PLC0415 - needs what the line above asks for
    from pydantic_ai.mcp import MCPToolset  # noqa: PLC0415 (see above)
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart  # noqa: PLC0415 (see above)
    from pydantic_ai.models.function import FunctionModel  # noqa: PLC0415 (see above)

    def model(messages: list[Any], _: Any) -> ModelResponse:
        """Calls the tool, then tells what it has returned."""
        last = messages[-1].parts[-1]
        if last.part_kind == "user-prompt":
            return ModelResponse([ToolCallPart("count", {"word": last.content})])
        return ModelResponse([TextPart(f"{last.content} letters")])

    async with asyncio.timeout(_PATIENCE_S):
        result = await Agent(FunctionModel(model), toolsets=[MCPToolset(f"{service.url}/mcp")]).run("seven")

    assert "5" in result.output
    assert result.output.endswith("letters")


@pytest.mark.filterwarnings("ignore:`langchain.mcp` is in beta")
async def test_a_graph_of_langgraph_runs_a_workflow_as_its_tool_and_streams_its_progress(service: Service):
    pytest.importorskip("fastmcp.client", reason="pip install 'pydantic-ai-slim[mcp]'")
    as_langchain_tool = pytest.importorskip("langchain.mcp", reason="pip install langchain").as_langchain_tool
    from fastmcp.client import Client as FastMcpClient  # noqa: PLC0415 - needs what the lines above ask for
    from langgraph.config import get_stream_writer  # noqa: PLC0415 (see above)
    from langgraph.graph import END, START, StateGraph  # noqa: PLC0415 (see above)

    async def measure(state: dict[str, Any]) -> dict[str, Any]:
        """Calls the tool and passes its progress on to whoever streams the graph."""
        write = get_stream_writer()

        async def heard(_: float, __: float | None, message: str | None) -> None:
            write(message)

        async with FastMcpClient(f"{service.url}/mcp", progress_handler=heard) as client:
            (offered,) = [tool for tool in await client.list_tools() if tool.name == "doubled"]
            tool = await as_langchain_tool(offered, client)
            call = {"type": "tool_call", "id": "1", "name": tool.name, "args": {"word": state["word"]}}
            message = await tool.ainvoke(call)
        return {"length": message.artifact["structured_content"]["output"]}

    builder = StateGraph(dict)
    builder.add_node("measure", measure)
    builder.add_edge(START, "measure")
    builder.add_edge("measure", END)
    async with asyncio.timeout(_PATIENCE_S):
        told = [each async for each in builder.compile().astream({"word": "seven"}, stream_mode=["custom", "values"])]

    progress = [chunk for mode, chunk in told if mode == "custom"]
    assert any("steps have finished" in each for each in progress)
    assert told[-1] == ("values", {"length": 10})
