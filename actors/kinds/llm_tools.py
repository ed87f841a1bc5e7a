"""What a language model may call while an attempt runs: typed callables, and agents of the catalog.

An agent that is a tool runs in the process of the conversation: on its event loop, or in a thread if it blocks. Servers
that speak MCP have one session for the whole conversation. A call that fails is told to the model, which goes on.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pydantic_core
from pydantic_ai import RunContext
from pydantic_ai.exceptions import ToolFailed
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, CombinedToolset, FunctionToolset, ToolsetTool, WrapperToolset
from pydantic_core import SchemaValidator, core_schema

from actors.agent_tools import is_import_path, tool_name
from actors.context import Context
from actors.errors import BadInput
from actors.failures import failure_of, is_being_cancelled, timed_out
from actors.import_path import load
from actors.invocation import Invocation
from actors.kinds.command_agent import stop_command
from actors.kinds.kind import Answer, Unanswered, kind_of
from actors.kinds.llm_settings import LLMSettings
from actors.kinds.mcp_agent import answer_of
from actors.kinds.mcp_server import McpServer
from actors.kinds.schemas import check_schema
from planners.agents import AgentKind, AgentSpec
from planners.model import AgentName, AttemptId, canonical_json, digest
from reconciler.state.handoff import Usage

if TYPE_CHECKING:
    from mcp import Client

# More would fill the context of most models.
MAX_RESULT_BYTES = 64 * 1024
_SHOWN = 160
_ANY_ARGUMENTS = SchemaValidator(core_schema.dict_schema())
_NO_PARAMETERS = {"type": "object", "properties": {}}
_Toolset = AbstractToolset[None]


@dataclass
class Tools:
    """The tools of one conversation, and what the agents among them have used."""

    toolset: _Toolset
    used: list[Usage]


@asynccontextmanager
async def opened(call: Invocation, settings: LLMSettings, context: Context) -> AsyncIterator[Tools | None]:
    """The tools of an attempt; None if it has none. Sessions with MCP servers end with the context.

    Raises:
        ServerAway: a server cannot be started or reached.
    """
    named = {tool_name(tool.name): tool for tool in call.tools if tool.name in settings.tools}
    callables = [load(path) for path in settings.tools if is_import_path(path)]
    if not named and not callables:
        yield None
        return
    async with AsyncExitStack() as stack:
        agents = AgentTools(call, named, await _sessions(stack, named.values()), context.progress)
        together = CombinedToolset[None]([FunctionToolset[None](callables), agents])
        yield Tools(BoundedTools(together, ToolCalls(settings.max_tool_calls, context.progress)), agents.used)


async def _sessions(stack: AsyncExitStack, tools: Iterable[AgentSpec]) -> "dict[AgentName, Client]":
    """An open session for each tool of an MCP server; those of one server share it."""
    opened: dict[str, Client] = {}
    sessions: dict[AgentName, Client] = {}
    for tool in tools:
        if tool.kind is not AgentKind.MCP:
            continue
        place = canonical_json([tool.settings, list(tool.env)])
        if place not in opened:
            session = McpServer.model_validate(tool.settings).session(tool.env, Context.of_catalog(tool.name, tool.env))
            opened[place] = await stack.enter_async_context(session)
        sessions[tool.name] = opened[place]
    return sessions


class ToolCalls:
    """Counts the calls of one conversation and tells them as its progress."""

    def __init__(self, most: int, tell: Callable[[str], None]) -> None:
        self._most = most
        self._tell = tell
        self._made = 0

    def begin(self, name: str, arguments: Mapping[str, Any]) -> None:
        """One more call. Raises ToolFailed, which the model is told, if none is left."""
        if self._made >= self._most:
            raise ToolFailed(f"no calls are left: {self._most} were made; answer with what you know")
        self._made += 1
        shown = json.dumps(arguments, ensure_ascii=False, default=str)
        self._tell(f"calls {name} {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '...'}")


@dataclass
class BoundedTools(WrapperToolset[None]):
    """Tools that may be called so often together."""

    calls: ToolCalls

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[None], tool: ToolsetTool[None]
    ) -> Any:
        """As the wrapped tools, if a call is left."""
        self.calls.begin(name, tool_args)
        return await self.wrapped.call_tool(name, tool_args, ctx, tool)


class AgentTools(_Toolset):
    """Agents as tools. Each call is an invocation that belongs to the attempt of the conversation."""

    def __init__(
        self,
        call: Invocation,
        agents: Mapping[str, AgentSpec],
        sessions: "Mapping[AgentName, Client]",
        tell: Callable[[str], None],
    ) -> None:
        self.used: list[Usage] = []
        self._call = call
        self._agents = agents
        self._sessions = sessions
        self._tell = tell
        self._made = Counter[str]()

    @property
    def id(self) -> str:
        """Names these tools in messages of pydantic-ai."""
        return "agents"

    async def get_tools(self, ctx: RunContext[None]) -> dict[str, ToolsetTool[None]]:
        """The agents with their descriptions and input schemas."""
        return {
            name: ToolsetTool(
                toolset=self, tool_def=_defined(name, agent), max_retries=0, args_validator=_ANY_ARGUMENTS
            )
            for name, agent in self._agents.items()
        }

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[None], tool: ToolsetTool[None]
    ) -> Any:
        """What the agent returns. Raises ToolFailed, which the model is told, whatever the agent raises."""
        agent = self._agents[name]
        call = self._invocation(agent, tool_args)
        timer = asyncio.timeout(agent.timeout_s)
        try:
            async with timer:
                answer = await self._answered(agent, call)
        except BaseException as error:  # an agent may raise anything; it fails the call and not the conversation
            if isinstance(error, asyncio.CancelledError) and is_being_cancelled():
                raise
            failure = timed_out(agent.timeout_s, call, error) if timer.expired() else failure_of(error, call=call)
            self._tell(f"{name} failed: {failure.message}")
            raise ToolFailed(f"{failure.message}. {failure.fix}".rstrip(". ")) from None
        if answer.handoff.usage is not None:
            self.used.append(answer.handoff.usage)
        if len(answer.body) > MAX_RESULT_BYTES:
            raise ToolFailed(f"it returned {len(answer.body)} bytes, more than {MAX_RESULT_BYTES}; ask for less")
        return pydantic_core.from_json(answer.body)

    async def _answered(self, agent: AgentSpec, call: Invocation) -> Answer:
        kind, context = kind_of(agent.kind), call.context()
        if (session := self._sessions.get(agent.name)) is not None:
            check_schema(call.inputs, call.input_schema, BadInput, "inputs")
            return await answer_of(session, call, call.inputs, context)
        try:
            answer = (
                kind.run(call, call.inputs, context)
                if kind.runs_on_loop
                else await asyncio.to_thread(kind.run, call, call.inputs, context)
            )
            if isinstance(answer, Unanswered):
                return await answer.answered()
            return answer if isinstance(answer, Answer) else await answer
        except asyncio.CancelledError:  # also how its timeout arrives here
            stop_command(call.attempt)
            raise

    def _invocation(self, agent: AgentSpec, inputs: dict[str, Any]) -> Invocation:
        """One call. Its idempotency key names the call among equal ones, so a repeated conversation repeats the key."""
        same = f"{agent.identity} {canonical_json(inputs)}"
        self._made[same] += 1
        key = digest(self._call.idempotency_key, same, str(self._made[same]))
        checks = kind_of(agent.kind).checks_schemas
        return replace(
            self._call,
            attempt=AttemptId(f"{self._call.attempt}/{sum(self._made.values())}"),
            agent=agent.name,
            kind=agent.kind,
            target=agent.target,
            inputs=inputs,
            settings=agent.settings,
            env=agent.env,
            idempotency_key=key,
            timeout_s=agent.timeout_s,
            input_schema=agent.input_schema if checks else None,
            output_schema=agent.output_schema if checks else None,
            watched=False,
            proposes=True,  # nothing is to be noticed: only the model reads what a tool returns
            check=None,
            writes=(),
            compact=None,
            mailbox=None,
            refusal="",
        )


def _defined(name: str, agent: AgentSpec) -> ToolDefinition:
    """How the model sees an agent. One whose calls are limited is called one at a time."""
    limited = agent.concurrency is not None or agent.provider is not None
    schema = agent.input_schema or _NO_PARAMETERS
    description = agent.description or agent.capability
    return ToolDefinition(name=name, parameters_json_schema=dict(schema), description=description, sequential=limited)
