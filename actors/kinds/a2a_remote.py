"""A remote agent that speaks the Agent2Agent protocol (extra ``a2a``): its card, and what its events add up to."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from a2a.client import A2ACardResolver, Client, ClientConfig, ClientFactory
from a2a.types import AgentCard, Message, Part, Role, SendMessageRequest, StreamResponse, Task, TaskState
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct, Value

from actors.errors import ActorsError

_CONNECT_S = 30.0
_BINDINGS = ["JSONRPC", "HTTP+JSON"]
_ENDS: dict[int, str] = {
    TaskState.TASK_STATE_FAILED: "failed",
    TaskState.TASK_STATE_CANCELED: "was cancelled",
    TaskState.TASK_STATE_REJECTED: "was rejected",
    TaskState.TASK_STATE_INPUT_REQUIRED: "asks for more input",
    TaskState.TASK_STATE_AUTH_REQUIRED: "asks for other credentials",
}


class CardRefused(ActorsError):
    """A card sends requests, and the credentials with them, to another host than its own."""


@asynccontextmanager
async def connected(url: str, headers: Mapping[str, str]) -> AsyncIterator[tuple[AgentCard, Client]]:
    """The card of the agent at a base URL, and a client for it.

    Raises:
        CardRefused: the card names another host.
        a2a.utils.errors.A2AError, httpx.HTTPError: the agent cannot be reached, or has no valid card.
    """
    timeout = httpx.Timeout(None, connect=_CONNECT_S)  # the attempt's timeout bounds the whole
    async with httpx.AsyncClient(headers=dict(headers), timeout=timeout, trust_env=False) as http:
        card = await A2ACardResolver(http, url).get_agent_card()
        for interface in card.supported_interfaces:
            if urlsplit(interface.url).netloc != urlsplit(url).netloc:
                fix = "give the agent's own address as target, or ask its operator to correct the card"
                raise CardRefused(f"the card of '{url}' sends requests to '{interface.url}'", "target", fix)
        config = ClientConfig(httpx_client=http, supported_protocol_bindings=_BINDINGS)
        yield card, ClientFactory(config).create(card)


def request_of(inputs: Mapping[str, Any], message_id: str, skill: str | None) -> SendMessageRequest:
    """Inputs as a message: one text as itself, anything else as data. The id makes repeated requests one."""
    only = next(iter(inputs.values()), None) if len(inputs) == 1 else None
    part = Part(text=only) if isinstance(only, str) else Part(data=json_format.ParseDict(dict(inputs), Value()))
    metadata = json_format.ParseDict({"skill": skill}, Struct()) if skill is not None else None
    return SendMessageRequest(
        message=Message(message_id=message_id, role=Role.ROLE_USER, parts=[part], metadata=metadata)
    )


@dataclass
class Reply:
    """What has arrived so far."""

    task: str | None = None
    state: int = TaskState.TASK_STATE_UNSPECIFIED
    said: str = ""
    parts: dict[str, list[Part]] = field(default_factory=dict)

    def add(self, event: StreamResponse) -> None:
        """Take in one event of the stream."""
        match event.WhichOneof("payload"):
            case "message":
                self.state = TaskState.TASK_STATE_COMPLETED
                self.parts["message"] = list(event.message.parts)
            case "task":
                self._take(event.task)
            case "status_update":
                self.task, self.state = event.status_update.task_id, event.status_update.status.state
                self.said = _text(event.status_update.status.message.parts) or self.said
            case "artifact_update":
                update = event.artifact_update
                self.task = update.task_id
                before = self.parts.get(update.artifact.artifact_id, []) if update.append else []
                self.parts[update.artifact.artifact_id] = [*before, *update.artifact.parts]

    def problem(self) -> str | None:
        """Why there is no result; None if there is one."""
        if self.state == TaskState.TASK_STATE_COMPLETED:
            return None
        how = _ENDS.get(self.state, "ended without a result")
        return f"{how}: {self.said}" if self.said else how

    def output(self) -> Any:
        """The data of the result, if it is one piece; else its text, or what the agent said last; else all parts."""
        parts = [part for artifact in self.parts.values() for part in artifact]
        data = [json_format.MessageToDict(part.data) for part in parts if part.HasField("data")]
        if data and len(data) == len(parts):
            return data[0] if len(data) == 1 else data
        if all(part.HasField("text") for part in parts):
            return _text(parts) or self.said
        return [json_format.MessageToDict(part) for part in parts]

    def _take(self, task: Task) -> None:
        self.task, self.state = task.id, task.status.state
        self.said = _text(task.status.message.parts) or self.said
        for artifact in task.artifacts:
            self.parts[artifact.artifact_id] = list(artifact.parts)


def said_in(event: StreamResponse) -> str:
    """What a status update says; empty if the event is another, or says nothing."""
    return _text(event.status_update.status.message.parts) if event.HasField("status_update") else ""


def artefact_in(event: StreamResponse) -> tuple[str, str] | None:
    """Name and content of the piece of an artefact that an event brings."""
    if not event.HasField("artifact_update"):
        return None
    artefact = event.artifact_update.artifact
    data = [json_format.MessageToJson(part.data, indent=None) for part in artefact.parts if part.HasField("data")]
    return artefact.name or artefact.artifact_id, "\n".join([_text(artefact.parts), *data]).strip()


def _text(parts: Any) -> str:
    return "\n".join(part.text for part in parts if part.HasField("text"))
