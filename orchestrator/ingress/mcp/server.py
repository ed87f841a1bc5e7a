"""What MCP clients ask for, answered by the gateway. The SDK speaks the protocol."""

import asyncio
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from pydantic import JsonValue, ValidationError

from orchestrator.errors import InvalidRequest
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.mcp.tools import refused, result, tool, tools
from orchestrator.ingress.restarts import through_restarts
from orchestrator.ingress.skills import Skill, skills
from orchestrator.problems import describe
from planners.errors import ForerunError
from planners.validation import explain
from reconciler.views.models import TaskView

_GIVEN_UP = "the MCP client cancelled the call"
_WAIT_S = 30.0  # of one question to the gateway; it is asked again
_LABELS = {"forerun/via": "mcp"}
_ABOUT = "Each tool runs a workflow of agents as a task of Forerun. Calls report progress and can be cancelled."
_Request = ServerRequestContext[Any, Any]


def mcp_server(context: IngressContext) -> Server[Any]:
    """The server over a gateway. It keeps no state."""
    calls = McpCalls(context)
    return Server(
        "forerun",
        title="Forerun",
        version=version("forerun"),
        instructions=_ABOUT,
        on_list_tools=calls.list_tools,
        on_call_tool=calls.call_tool,
    )


class McpCalls:
    """What the tools are, and how they run."""

    def __init__(self, context: IngressContext) -> None:
        self._context = context
        self._given_up = set[asyncio.Task[None]]()  # the event loop alone would not keep them

    async def list_tools(self, _: _Request, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        """All skills of the service."""
        return types.ListToolsResult(tools=[tool(name, skill) for name, skill in (await self._tools()).items()])

    async def call_tool(self, request: _Request, params: types.CallToolRequestParams) -> types.CallToolResult:
        """Run a skill as a task. A call that the client gives up cancels the task."""
        offered = await self._tools()
        if params.name not in offered:
            return refused(f"no tool '{params.name}'; there are {', '.join(offered) or 'none'}")
        submission = asyncio.ensure_future(self._submitted(offered[params.name], dict(params.arguments or {})))
        try:
            return result(await self._ended(request, await asyncio.shield(submission)))
        except ForerunError as error:
            return refused(_told(error))
        except BaseException:  # the call is cancelled, or the stream to its client is closed
            self._give_up(submission)
            raise

    async def _tools(self) -> dict[str, Skill]:
        return tools(skills(await self._context.recent_catalog(), self._context.settings))

    async def _submitted(self, skill: Skill, arguments: dict[str, JsonValue]) -> TaskView:
        try:
            task = skill.task(arguments, _LABELS)
        except ValidationError as error:
            raise InvalidRequest(explain(error)) from error
        return await self._context.gateway.submit(await self._context.admit(task, None))

    def _give_up(self, submission: "asyncio.Future[TaskView]") -> None:
        """Cancel a task once it is admitted."""
        cancelling = asyncio.get_running_loop().create_task(self._cancel(submission))
        self._given_up.add(cancelling)
        cancelling.add_done_callback(self._given_up.discard)

    async def _cancel(self, submission: "asyncio.Future[TaskView]") -> None:
        with suppress(ForerunError):  # it was refused, or nobody can be asked
            await self._context.gateway.cancel((await submission).id, _GIVEN_UP)

    async def _ended(self, request: _Request, view: TaskView) -> TaskView:
        gateway = self._context.gateway
        seq, told = 0, ""
        while not view.status.ended:
            changes = await through_restarts(partial(gateway.changes, view.id, seq, _WAIT_S))
            seq, view = changes.seq, changes.view
            if (said := _progress(view)) != told:
                told = said
                await request.session.report_progress(view.steps.finished, view.steps.total or None, said)
        return await through_restarts(partial(gateway.read, view.id, TaskView))


def _progress(view: TaskView) -> str:
    if view.waiting and not view.steps.running:
        return f"task {view.id}: step '{view.waiting[0].step}' is {view.waiting[0].message}"
    return f"task {view.id}: {view.steps.finished} of {view.steps.total} steps have finished"


def _told(error: ForerunError) -> str:
    problem = describe(error, "")
    return f"{problem.detail or problem.title}" + (f"; {problem.fix}" if problem.fix else "")
