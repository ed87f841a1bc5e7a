"""A real remote agent, made with the SDK of the Agent2Agent protocol."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from a2a.helpers import get_message_text, new_data_part, new_text_part
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill, Task, TaskState, TaskStatus
from google.protobuf import json_format
from served import served
from starlette.applications import Starlette


@dataclass
class Remote(AgentExecutor):
    """Does what the message says."""

    url: str = ""
    messages: list[Any] = field(default_factory=list)
    waits: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        message = context.message
        assert message is not None
        assert context.task_id is not None
        assert context.context_id is not None
        self.messages.append(json_format.MessageToDict(message))
        submitted = TaskStatus(state=TaskState.TASK_STATE_SUBMITTED)
        await event_queue.enqueue_event(Task(id=context.task_id, context_id=context.context_id, status=submitted))
        updater = TaskUpdater(event_queue, context.task_id, context.context_id)
        await updater.start_work()
        said = get_message_text(message)
        match said:
            case "fail":
                await updater.failed(updater.new_agent_message([new_text_part("out of ink")]))
            case "ask":
                await updater.requires_input(updater.new_agent_message([new_text_part("which city?")]))
            case "wait":
                self.waits.set()
                await asyncio.Event().wait()
            case "pieces":
                await updater.add_artifact([new_text_part("one")], artifact_id="a", append=False, last_chunk=False)
                await updater.add_artifact([new_text_part("two")], artifact_id="a", append=True, last_chunk=True)
                await updater.complete()
            case "report":
                working = TaskState.TASK_STATE_WORKING
                await updater.update_status(working, updater.new_agent_message([new_text_part("half of it")]))
                await updater.add_artifact([new_text_part("a draft")], name="draft")
                await updater.complete()
            case "":
                given = json_format.MessageToDict(message.parts[0].data)
                await updater.add_artifact([new_data_part({"got": given})])
                await updater.complete()
            case _:
                await updater.add_artifact([new_text_part(said.upper())])
                await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert context.task_id is not None
        assert context.context_id is not None
        self.cancelled.set()
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


@contextmanager
def remote_agent(*, elsewhere: str | None = None) -> Iterator[Remote]:
    """A remote agent with the skills ``shout`` and ``write``. ``elsewhere``: an address that its card names."""
    remote = Remote()
    card = AgentCard(
        name="remote",
        description="Does things",
        version="1",
        capabilities=AgentCapabilities(streaming=True),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=[
            AgentSkill(id="shout", name="Shout", description="Says it loudly", tags=["text"]),
            AgentSkill(id="write", name="Write", description="Writes it down", tags=["text"]),
        ],
    )
    handler = DefaultRequestHandler(remote, InMemoryTaskStore(), card)
    application = Starlette(routes=[*create_agent_card_routes(card), *create_jsonrpc_routes(handler, "/rpc")])

    with served(application) as port:
        remote.url = f"http://127.0.0.1:{port}"
        where = elsewhere or f"{remote.url}/rpc"
        card.supported_interfaces.append(AgentInterface(url=where, protocol_binding="JSONRPC", protocol_version="1.0"))
        yield remote
