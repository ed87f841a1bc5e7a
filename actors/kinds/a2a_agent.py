"""Kind ``a2a``: a remote agent that speaks the Agent2Agent protocol; ``target`` is its address.

Catalogs usually name the agent under ``a2a_agents``, and an entry for each of its skills is derived from its card; see
`actors.discovery.a2a`. A cancelled attempt cancels the remote task.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import Field

from actors.context import MAX_ARTEFACT_CHARS, Context
from actors.errors import ActorsError, BadInput, BadOutput, InvalidCatalog
from actors.invocation import Invocation
from actors.kinds.declared import settings_of
from actors.kinds.kind import Answer, Kind
from actors.kinds.schemas import check_schema
from actors.kinds.templates import Rendering, check_template
from actors.payloads.json_values import encoded
from planners.agents import AgentSpec, Effect
from planners.model import Model
from planners.resources import Resources

if TYPE_CHECKING:
    from a2a.client import Client

    from actors.kinds.a2a_remote import Reply

TIMEOUT_S = 600.0
_CANCEL_S = 5.0
_SHOWN = 1000


class RemoteFailed(ActorsError):
    """The remote agent cannot be reached, or ended without a result."""


class RemoteAway(RemoteFailed):
    """The remote agent cannot be reached."""

    unavailable = True


class A2aSettings(Model):
    """How to talk to the agent. ``headers`` are templates; ``skill`` is sent along for agents that ask for one."""

    headers: dict[str, str] = Field(default_factory=dict)
    skill: str | None = None


class A2aKind:
    """Sends one message and follows the task from the host that all agents without resources share."""

    runs_on_loop = True
    checks_schemas = True

    def declare(self, entry: Mapping[str, Any], location: str) -> AgentSpec | Mapping[str, Any]:
        """Check the address; the effect is irreversible unless the entry says otherwise."""
        check_installed(f"{location}.kind")
        check_address(entry.get("target"), f"{location}.target")
        if entry.get("effect") == Effect.STAGEABLE:
            fix = "declare it idempotent or irreversible, or wrap it in a callable with promote="
            raise InvalidCatalog("a remote agent cannot stage its effects", f"{location}.effect", fix)
        settings = settings_of(A2aSettings, entry, location)
        check_template(dict(settings.headers), entry.get("env") or (), f"{location}.settings.headers")
        derived = {"resources": Resources(), "timeout_s": TIMEOUT_S, "effect": Effect.IRREVERSIBLE}
        return {**derived, **entry}

    async def health(self, agent: AgentSpec) -> str:
        """Fetch the card."""
        import httpx  # noqa: PLC0415 (see `run`)
        from a2a.utils.errors import A2AError  # noqa: PLC0415 (see `run`)

        from actors.kinds.a2a_remote import connected  # noqa: PLC0415 (see `run`)

        settings = A2aSettings.model_validate(agent.settings)
        rendering = Rendering({}, Context.of_catalog(agent.name, agent.env))
        headers = {name: rendering.text(text, f"settings.headers.{name}") for name, text in settings.headers.items()}
        assert isinstance(agent.target, str)
        try:
            async with connected(agent.target, headers) as (card, _):
                return f"{agent.target} is '{card.name}' {card.version}"
        except (A2AError, httpx.HTTPError) as error:
            message = rendering.masked(f"'{agent.target}': {error or type(error).__name__}")[:_SHOWN]
            raise RemoteAway(message, "target", "check the address, the credentials, and that it runs") from None

    async def run(self, call: Invocation, inputs: dict[str, Any], context: Context) -> Answer:
        """Send the message and follow the task to its end.

        Raises:
            BadInput, BadOutput: a schema does not match.
            CardRefused: the agent's card names another host.
            RemoteFailed: the agent cannot be reached, or ended without a result.
        """
        check_schema(inputs, call.input_schema, BadInput, "inputs")
        # Imported here: they take a second, and only processes that talk to such agents need them.
        import httpx  # noqa: PLC0415 (see above)
        from a2a.utils.errors import A2AError  # noqa: PLC0415 (see above)

        from actors.kinds.a2a_remote import Reply, connected, request_of  # noqa: PLC0415 (see above)

        settings, reply, rendering = A2aSettings.model_validate(call.settings), Reply(), Rendering({}, context)
        headers = {name: rendering.text(text, f"settings.headers.{name}") for name, text in settings.headers.items()}
        assert isinstance(call.target, str)
        try:
            async with connected(call.target, headers) as (_, client):
                request = request_of(inputs, call.idempotency_key or call.attempt, settings.skill)
                await _follow(client, request, reply, context)
        except (A2AError, httpx.HTTPError) as error:
            message = rendering.masked(f"'{call.target}': {error or type(error).__name__}")[:_SHOWN]
            raise RemoteAway(message, "target", "check the address, the credentials, and that it runs") from None
        if (problem := reply.problem()) is not None:
            message = rendering.masked(f"the agent at '{call.target}' {problem}")[:_SHOWN]
            raise RemoteFailed(message, "target", "give it what it asks for, or see its own log")
        output = reply.output()
        check_schema(output, call.output_schema, BadOutput, "output")
        return Answer(encoded(output, "output"))


def check_installed(field: str) -> None:
    """Refuse what needs the SDK if it is missing.

    Raises:
        InvalidCatalog: with the command that installs it.
    """
    if find_spec("a2a") is None:
        raise InvalidCatalog("remote agents need the extra a2a", field, "pip install 'forerun[a2a]'")


def check_address(address: Any, field: str) -> str:
    """The base URL of an agent.

    Raises:
        InvalidCatalog: it is none.
    """
    if not isinstance(address, str) or urlsplit(address).scheme not in ("http", "https") or "{" in address:
        raise InvalidCatalog("this is not the address of an agent", field, "write https://host, without templates")
    return address


async def _follow(client: "Client", request: Any, reply: "Reply", context: Context) -> None:
    """Take in all events, and tell what they say of progress.

    When cancelled, cancel the remote task, as soon as the stream has named it.
    """
    from a2a.types import CancelTaskRequest  # noqa: PLC0415 (see `A2aKind.run`)

    from actors.kinds.a2a_remote import artefact_in, said_in  # noqa: PLC0415 (see `A2aKind.run`)

    named = asyncio.Event()

    async def follow() -> None:
        async for event in client.send_message(request):
            reply.add(event)
            if message := said_in(event):
                context.progress(message)
            if (shown := artefact_in(event)) is not None:
                context.artefact(shown[0], shown[1][:MAX_ARTEFACT_CHARS])
            if reply.task is not None:
                named.set()

    following = asyncio.ensure_future(follow())
    try:
        await asyncio.shield(following)
    except asyncio.CancelledError:
        with suppress(Exception):  # whatever goes wrong there, the attempt is cancelled here
            async with asyncio.timeout(_CANCEL_S):
                await named.wait()
                await client.cancel_task(CancelTaskRequest(id=reply.task))
        raise
    finally:
        following.cancel()
        await asyncio.wait([following])


KIND: Kind = A2aKind()
