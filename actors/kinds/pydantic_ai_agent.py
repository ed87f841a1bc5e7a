"""Kind ``pydantic_ai``: an agent made with pydantic-ai (extra ``llm``); ``target`` is its import path.

Its model, tools and output type are its own. Cancelling an attempt closes its connections.
"""

from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

import pydantic_core
from pydantic import Field, PydanticUserError, TypeAdapter

from actors.context import Context
from actors.errors import BadInput, BadOutput, InvalidCatalog, UnknownTarget
from actors.import_path import load, load_object
from actors.invocation import Invocation
from actors.kinds.declared import check_acting, settings_of
from actors.kinds.kind import Answer, Kind
from actors.kinds.libraries import imported
from actors.kinds.llm_settings import TokenPrices
from actors.kinds.schemas import check_schema
from actors.kinds.templates import Rendering, check_template, schema_of
from actors.masking import Mask
from actors.payloads.json_values import encoded
from planners.agents import AgentSpec
from planners.model import Model
from planners.resources import Resources
from reconciler.state.handoff import Handoff

TIMEOUT_S = 180.0


class PydanticAISettings(Model):
    """How the agent is called.

    Attributes:
        prompt: what the user says; a template over the inputs.
        deps: import path of a callable that makes its dependencies from the `Context` of the attempt.
        max_requests: of one attempt; bounds loops of tool calls.
        prices: of tokens; None: the price table of genai-prices, else the entry's ``price``.
        stream: the answer is streamed, and its last words are the progress of the attempt.
    """

    prompt: str = Field(default="{{ prompt }}", min_length=1)
    deps: str | None = None
    max_requests: int = Field(default=20, ge=1)
    prices: TokenPrices | None = None
    stream: bool = False


class PydanticAIKind:
    """Runs agents on the event loop of the host that all agents without resources share."""

    runs_on_loop = True
    checks_schemas = True

    def declare(self, entry: Mapping[str, Any], location: str) -> AgentSpec | Mapping[str, Any]:
        """Check target, effect and templates; derive the schemas from the prompt and the agent's output type."""
        if find_spec("pydantic_ai") is None:
            fix = "install it: pip install 'forerun[llm]'"
            raise InvalidCatalog("agents of kind pydantic_ai need the extra llm", f"{location}.kind", fix)
        settings = settings_of(PydanticAISettings, entry, location)
        check_acting(entry, location, "an agent of pydantic-ai")
        try:
            agent = _agent(entry.get("target"))
            if settings.deps is not None:
                load(settings.deps)
        except UnknownTarget as error:
            raise InvalidCatalog(error.message, f"{location}.{error.field}", error.fix) from None
        read = check_template(settings.prompt, entry.get("env") or (), f"{location}.settings.prompt")
        derived = {"resources": Resources(), "timeout_s": TIMEOUT_S, "input_schema": schema_of(read)}
        with suppress(PydanticUserError, AttributeError):  # an output of functions or of several types has no schema
            derived["output_schema"] = TypeAdapter(agent.output_type).json_schema(mode="serialization")
        return {**derived, **entry}

    async def health(self, agent: AgentSpec) -> str:
        """Import the agent."""
        _agent(agent.target)
        return "imported"

    async def run(self, call: Invocation, inputs: dict[str, Any], context: Context) -> Answer:
        """Run the agent.

        Raises:
            BadInput: the inputs do not match the schema or the template.
            BadOutput: no answer matched its output type.
            LLMRefused, LLMFailed: the provider refused, failed or was not reached.
        """
        await imported("pydantic_ai.usage", "actors.kinds.llm_progress", "actors.kinds.llm_usage")
        # Imported here: it takes a second, and only processes that run such agents need it.
        from pydantic_ai.usage import UsageLimits  # noqa: PLC0415 (see above)

        from actors.kinds.llm_failures import failures_of  # noqa: PLC0415 (see above)
        from actors.kinds.llm_progress import AnswerProgress  # noqa: PLC0415 (see above)
        from actors.kinds.llm_usage import usage_of  # noqa: PLC0415 (see above)

        check_schema(inputs, call.input_schema, BadInput, "inputs")
        settings, agent = PydanticAISettings.model_validate(call.settings), _agent(call.target)
        prompt = Rendering(inputs, context).text(settings.prompt, "settings.prompt")
        with failures_of(agent.name or call.agent, Mask.of(context.env).text):
            result = await agent.run(
                prompt,
                deps=None if settings.deps is None else load(settings.deps)(context),
                usage_limits=UsageLimits(request_limit=settings.max_requests),
                event_stream_handler=AnswerProgress(context.progress) if settings.stream else None,
            )
        output = pydantic_core.to_jsonable_python(result.output)
        check_schema(output, call.output_schema, BadOutput, "output")
        return Answer(encoded(output, "output"), Handoff(usage=usage_of(result, settings.prices)))


def _agent(target: Any) -> Any:
    """The agent at an import path. Raises UnknownTarget."""
    fix = "write target: module:attribute, where the attribute is a pydantic_ai.Agent"
    if not isinstance(target, str):
        raise UnknownTarget("the target is the import path of an agent", "target", fix)
    found = load_object(target)
    from pydantic_ai.agent import AbstractAgent  # noqa: PLC0415 - the user's module has imported it

    if not isinstance(found, AbstractAgent):
        raise UnknownTarget(f"'{target}' is a {type(found).__name__}, not an agent of pydantic-ai", "target", fix)
    return found


KIND: Kind = PydanticAIKind()
