"""What a catalog says about an agent of kind ``llm``, and how its conversations fail."""

from typing import Literal

from pydantic import Field, JsonValue

from actors.errors import ActorsError, BadInput
from planners.model import Model


class LLMFailed(ActorsError):
    """The provider could not be reached or is over its limits, or the model's answer was wrong too often."""

    unavailable = True


class LLMRefused(BadInput):
    """The provider refused the request, and would refuse it again."""


class TokenPrices(Model):
    """Dollars per million tokens."""

    input_usd_per_mtok: float = Field(ge=0, allow_inf_nan=False)
    output_usd_per_mtok: float = Field(ge=0, allow_inf_nan=False)


class LLMSettings(Model):
    """The conversation.

    Attributes:
        prompt: what the user says; a template over the inputs.
        system: instructions; a template.
        base_url: of a server that speaks the OpenAI chat protocol (vLLM, Ollama, Ray Serve LLM). None: ``target`` is
            ``provider:model``, with any provider of pydantic-ai whose client is installed.
        api_key: name of the variable that holds the key; it must be in the entry's ``env``.
        output: how the answer is kept to the output schema: by the server (``json_schema``), by a forced tool call
            (``tool``), or by the prompt (``json_object``). Without a schema, the answer is a text.
        max_repairs: how often the model is asked again, with the reason, if its answer does not match the schema.
        max_retries: how often the client repeats a request that was refused for now (429, 5xx); it honours Retry-After.
        tools: what the model may call: import paths of typed callables, and names of agents of the catalog
            (``PREFIX.*``: all whose names begin so, such as the tools of an MCP server).
        max_requests: of one attempt.
        max_tool_calls: of one attempt; further calls are refused, and the model is told so.
        stream: the answer is streamed, and its last words are the progress of the attempt.
        prices: of tokens; None: the price table of genai-prices, else the entry's ``price``.
        temperature, max_tokens: of the answer; None: the provider's default.
        extra: added to the body of every request.
    """

    prompt: str = Field(min_length=1)
    system: str = ""
    base_url: str | None = None
    api_key: str | None = None
    output: Literal["json_schema", "tool", "json_object"] = "json_schema"
    max_repairs: int = Field(default=2, ge=0)
    max_retries: int = Field(default=2, ge=0)
    tools: tuple[str, ...] = ()
    max_requests: int = Field(default=20, ge=1)
    max_tool_calls: int = Field(default=20, ge=1)
    stream: bool = False
    prices: TokenPrices | None = None
    temperature: float | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    extra: dict[str, JsonValue] = Field(default_factory=dict)
