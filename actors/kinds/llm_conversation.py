"""One conversation with a model through pydantic-ai: its answer, checked and repaired, and what it used."""

from collections.abc import Callable
from typing import Any

import httpx2
import jsonschema
from openai import AsyncOpenAI, OpenAIError
from pydantic_ai import Agent, ModelRetry, NativeOutput, PromptedOutput, StructuredDict, ToolOutput
from pydantic_ai.models import Model as ChatModel
from pydantic_ai.models import infer_model
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers import Provider, infer_provider, infer_provider_class
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings
from pydantic_ai.toolsets import AbstractToolset
from pydantic_ai.usage import UsageLimits

from actors.kinds.llm_failures import FIXES, failures_of, whole_message
from actors.kinds.llm_progress import AnswerProgress
from actors.kinds.llm_settings import LLMFailed, LLMRefused, LLMSettings
from actors.kinds.llm_usage import usage_of
from reconciler.state.handoff import Usage

_NO_KEY = "none"  # a local server needs no key, but the client insists on one
_SHOWN = 500
_CONNECT_S = 10.0
_MODES = {"json_schema": NativeOutput, "tool": ToolOutput, "json_object": PromptedOutput}
_OUTPUT = "output"
_WRAPPED = "result"


def _unheard(_: str) -> None:
    """Nobody follows the conversation."""


class Conversation:
    """Asks a model until its answer matches the schema. Connections are closed at the end."""

    def __init__(
        self,
        model: str,
        settings: LLMSettings,
        key: str | None,
        schema: dict[str, Any] | None,
        tell: Callable[[str], None] = _unheard,
    ) -> None:
        self._name = model
        self._tell = tell
        self._settings = settings
        self._key = key
        self._schema = schema

    async def held(self, system: str, prompt: str, tools: AbstractToolset[None] | None = None) -> tuple[Any, Usage]:
        """The answer and what it used: a JSON value if there is a schema, else a text. ``tools``: it may call them.

        Raises:
            BadOutput: no answer matched the schema.
            LLMRefused, LLMFailed: the provider refused, failed or was not reached.
        """
        with failures_of(self._name, self._masked):
            if self._settings.base_url is None:
                return await self._answered(self._known_model(), system, prompt, tools)
            async with self._client(self._settings.base_url) as client:
                model = OpenAIChatModel(self._name, provider=OpenAIProvider(openai_client=client))
                return await self._answered(model, system, prompt, tools)

    async def health(self) -> str:
        """Whether the provider knows the model, as far as that can be asked for nothing.

        Raises:
            LLMRefused, LLMFailed: the provider refused, does not know the model, or was not reached.
        """
        if self._settings.base_url is None:
            self._known_model()
            return "the provider's client is installed; it was not asked"
        try:
            async with self._client(self._settings.base_url) as client:
                names = [model.id async for model in client.models.list()]
        except OpenAIError as error:
            message = self._masked(f"{self._settings.base_url}: {whole_message(error)}")
            fix = FIXES.get(getattr(error, "status_code", 0), "check the address, and that the provider is up")
            raise LLMFailed(message, "settings.base_url", fix) from None
        if self._name not in names:
            fix = f"it offers: {', '.join(names[:20]) or 'none'}"
            raise LLMRefused(f"{self._settings.base_url} has no model '{self._name}'", "target", fix)
        return f"{self._settings.base_url} offers {self._name}"

    async def _answered(
        self, model: ChatModel, system: str, prompt: str, tools: AbstractToolset[None] | None
    ) -> tuple[Any, Usage]:
        agent: Agent[None, Any] = Agent(
            model,
            deps_type=type(None),
            output_type=self._output_type(),
            instructions=system or None,
            toolsets=None if tools is None else [tools],
            retries=self._settings.max_repairs,
            model_settings=self._model_settings(),
        )
        agent.output_validator(self._checked)
        limits = UsageLimits(request_limit=self._settings.max_requests)
        follow = AnswerProgress(self._tell, tools=False) if self._settings.stream else None
        result = await agent.run(prompt, usage_limits=limits, event_stream_handler=follow)
        return self._unwrapped(result.output), usage_of(result, self._settings.prices)

    def _known_model(self) -> ChatModel:
        def provider(name: str) -> Provider[Any]:
            if self._key is None:
                return infer_provider(name)
            made: Any = infer_provider_class(name)
            found: Provider[Any] = made(api_key=self._key)
            return found

        try:
            return infer_model(self._name, provider)
        except (ImportError, ValueError) as error:
            fix = "install the provider's client, correct the name, or set settings.base_url"
            raise LLMRefused(self._masked(f"the model '{self._name}': {error}"), "target", fix) from None

    def _client(self, base_url: str) -> AsyncOpenAI:
        """No key, address or proxy is read from the environment."""
        timeout = httpx2.Timeout(None, connect=_CONNECT_S)  # the attempt's timeout bounds the whole
        return AsyncOpenAI(
            base_url=base_url,
            api_key=self._key or _NO_KEY,
            max_retries=self._settings.max_retries,
            timeout=timeout,
            http_client=httpx2.AsyncClient(trust_env=False, timeout=timeout, follow_redirects=False),
        )

    def _output_type(self) -> Any:
        if self._schema is None:
            return str
        return _MODES[self._settings.output](StructuredDict(self._object_schema(), name=_OUTPUT), name=_OUTPUT)

    def _object_schema(self) -> dict[str, Any]:
        """Providers accept only objects, so any other value is wrapped into one."""
        schema = self._schema or {}
        if schema.get("type") == "object":
            return dict(schema)  # pydantic-ai adds a title to it
        definitions = {key: schema[key] for key in ("$defs",) if key in schema}
        properties = {_WRAPPED: {key: value for key, value in schema.items() if key not in definitions}}
        return {"type": "object", "properties": properties, "required": [_WRAPPED], **definitions}

    def _unwrapped(self, output: Any) -> Any:
        wrapped = self._schema is not None and self._schema.get("type") != "object"
        return output[_WRAPPED] if wrapped else output

    def _checked(self, output: Any) -> Any:
        """An answer that does not match the schema is sent back with the reason."""
        if self._schema is None:
            return output
        validator = jsonschema.Draft202012Validator(self._object_schema())
        problem = jsonschema.exceptions.best_match(validator.iter_errors(output))
        if problem is not None:
            raise ModelRetry(f"{problem.json_path}: {problem.message}")
        return output

    def _model_settings(self) -> ModelSettings:
        settings = ModelSettings()
        if self._settings.temperature is not None:
            settings["temperature"] = self._settings.temperature
        if self._settings.max_tokens is not None:
            settings["max_tokens"] = self._settings.max_tokens
        if self._settings.extra:
            settings["extra_body"] = dict(self._settings.extra)
        return settings

    def _masked(self, text: str) -> str:
        """Text that may be shown: a provider may echo the key."""
        return (text.replace(self._key, "***") if self._key else text)[:_SHOWN]
