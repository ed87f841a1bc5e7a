"""Kind ``llm``: a conversation with a language model, through pydantic-ai (extra ``llm``); its answer is the output.

``target`` is the model, ``settings`` are `LLMSettings`. Cancelling an attempt closes its connection, so
the model stops.
"""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from actors.agent_tools import is_import_path
from actors.context import Context
from actors.errors import BadInput, BadOutput, InvalidCatalog, UnknownTarget
from actors.import_path import load
from actors.invocation import Invocation
from actors.kinds.declared import settings_of
from actors.kinds.kind import Answer, Kind
from actors.kinds.libraries import imported
from actors.kinds.llm_settings import LLMSettings
from actors.kinds.schemas import check_schema
from actors.kinds.templates import Rendering, check_template, schema_of
from actors.payloads.json_values import encoded
from planners.agents import AgentSpec
from planners.resources import Resources
from reconciler.state.handoff import Handoff

if TYPE_CHECKING:
    from actors.kinds.llm_conversation import Conversation

TIMEOUT_S = 180.0
_VARIABLE = re.compile("[A-Z_][A-Z0-9_]*")


class LLMKind:
    """Holds conversations on the event loop of the host that all agents without resources share."""

    runs_on_loop = True
    checks_schemas = True

    def declare(self, entry: Mapping[str, Any], location: str) -> AgentSpec | Mapping[str, Any]:
        """Check the model, the settings and the templates; derive the input schema from the templates."""
        if find_spec("pydantic_ai") is None:
            fix = "install it: pip install 'forerun[llm]'"
            raise InvalidCatalog("agents of kind llm need the extra llm", f"{location}.kind", fix)
        settings = _settings(entry, location)
        target = entry.get("target")
        if not isinstance(target, str) or not (":" in target or settings.base_url):
            fix = "write target: provider:model, or the model's name and settings.base_url"
            raise InvalidCatalog("the target of an LLM agent is a model", f"{location}.target", fix)
        env = entry.get("env") or ()
        if settings.api_key is not None and settings.api_key not in env:
            # Whoever has written the key itself here must not find it in logs.
            named = _VARIABLE.fullmatch(settings.api_key) is not None
            fix = f"add {settings.api_key} to the agent's env" if named else "write the name of one of the agent's env"
            raise InvalidCatalog("the key is the name of a variable", f"{location}.settings.api_key", fix)
        _check_effect(entry, settings, location)
        read = check_template(settings.prompt, env, f"{location}.settings.prompt")
        read |= check_template(settings.system, env, f"{location}.settings.system")
        derived = {"resources": Resources(), "timeout_s": TIMEOUT_S, "input_schema": schema_of(read)}
        return {**derived, **entry}

    async def health(self, agent: AgentSpec) -> str:
        """Ask the server for its models, which costs nothing. Other providers are not asked."""
        settings = LLMSettings.model_validate(agent.settings)
        context = Context.of_catalog(agent.name, agent.env)
        key = None if settings.api_key is None else context.secret(settings.api_key)
        # Imported here: it takes a second, and only processes that hold conversations need it.
        from actors.kinds.llm_conversation import Conversation  # noqa: PLC0415 (see above)

        assert isinstance(agent.target, str)
        return await Conversation(agent.target, settings, key, agent.output_schema).health()

    async def run(self, call: Invocation, inputs: dict[str, Any], context: Context) -> Answer:
        """Hold the conversation.

        Raises:
            BadInput: the inputs do not match the schema or the templates.
            BadOutput: no answer matched the output schema.
            LLMRefused, LLMFailed: the provider refused, failed or was not reached.
            ServerAway: a server whose tools it may call cannot be started or reached.
        """
        await imported("actors.kinds.llm_conversation", "actors.kinds.llm_tools")
        # Imported here: see `_conversation`.
        from actors.kinds.llm_tools import opened  # noqa: PLC0415 (see above)
        from actors.kinds.llm_usage import with_tools  # noqa: PLC0415 (see above)

        check_schema(inputs, call.input_schema, BadInput, "inputs")
        settings = LLMSettings.model_validate(call.settings)
        rendering = Rendering(inputs, context)
        system, prompt = rendering.text(settings.system, "settings.system"), _prompt(settings, rendering, context)
        async with opened(call, settings, context) as tools:
            toolset = None if tools is None else tools.toolset
            answer, usage = await _conversation(call, settings, context).held(system, prompt, toolset)
            usage = usage if tools is None else with_tools(usage, tools.used)
        check_schema(answer, call.output_schema, BadOutput, "output")
        return Answer(encoded(answer, "output"), Handoff(usage=usage))


def _prompt(settings: LLMSettings, rendering: Rendering, context: Context) -> str:
    prompt = rendering.text(settings.prompt, "settings.prompt")
    if not context.refusal:
        return prompt
    return f"{prompt}\n\nYour answer before this one was refused: {context.refusal}"


def _conversation(call: Invocation, settings: LLMSettings, context: Context) -> "Conversation":
    # Imported here: it takes a second, and only processes that hold conversations need it.
    from actors.kinds.llm_conversation import Conversation  # noqa: PLC0415 (see above)

    assert isinstance(call.target, str)
    key = None if settings.api_key is None else context.secret(settings.api_key)
    return Conversation(call.target, settings, key, call.output_schema, context.progress)


def _settings(entry: Mapping[str, Any], location: str) -> LLMSettings:
    settings = settings_of(LLMSettings, entry, location)
    for index, tool in enumerate(settings.tools):
        try:
            if is_import_path(tool):
                load(tool)
        except UnknownTarget as error:
            raise InvalidCatalog(error.message, f"{location}.settings.tools.{index}", error.fix) from None
    return settings


def _check_effect(entry: Mapping[str, Any], settings: LLMSettings, location: str) -> None:
    # Agents of the catalog declare their effects; see `actors.agent_tools`.
    if any(map(is_import_path, settings.tools)) and "effect" not in entry:
        fix = "declare effect: pure, idempotent or irreversible; only you know what the tools do"
        raise InvalidCatalog("an agent with tools may act", f"{location}.effect", fix)
    if entry.get("effect") == "stageable":
        fix = "declare it idempotent or irreversible, or wrap it in a callable with promote="
        raise InvalidCatalog("an LLM agent cannot stage its effects", f"{location}.effect", fix)


KIND: Kind = LLMKind()
