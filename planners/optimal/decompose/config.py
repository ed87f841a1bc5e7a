"""Configuration of the LLM that decomposes goals, with its time limits."""

from typing import Literal

from pydantic import Field, JsonValue, SecretStr

from planners.model import Model
from planners.text.well_formed import well_formed


class LLMConfig(Model):
    """An LLM behind a URL that speaks the OpenAI chat protocol.

    ``output`` says how the answer is kept to its schema: ``json_schema`` (constrained by the server, and streamed token
    by token everywhere), ``tool`` (a forced tool call; some servers send a call only when it is complete) or
    ``json_object`` (the schema is part of the prompt, for servers that support neither).

    One decomposition takes at most ``timeout_s``, whatever happens. Within it, a wrong answer is repaired at most
    ``max_repairs`` times, and the client repeats a refused request (429, 5xx) at most ``max_retries`` times before its
    first token. ``max_steps`` and ``max_answer_chars`` bound one plan and one answer. ``extra`` is added to the body of
    the request (seed, reasoning effort, ...).
    """

    base_url: str
    model: str
    api_key: SecretStr | None = None
    output: Literal["json_schema", "tool", "json_object"] = "json_schema"
    connect_s: float = Field(default=5.0, gt=0)
    first_token_s: float = Field(default=60.0, gt=0)
    stall_s: float = Field(default=15.0, gt=0)
    timeout_s: float = Field(default=180.0, gt=0)
    max_repairs: int = Field(default=2, ge=0)
    max_retries: int = Field(default=2, ge=0)
    max_steps: int = Field(default=500, ge=1)
    max_answer_chars: int = Field(default=1_000_000, ge=1)
    temperature: float | None = 0.0
    extra: dict[str, JsonValue] = Field(default_factory=dict)

    def scrubbed(self, text: str) -> str:
        """Text that may be shown: well-formed, without the key (a provider may echo it), at most 500 characters."""
        key = self.api_key.get_secret_value() if self.api_key is not None else ""
        return well_formed(text.replace(key, "***") if key else text)[:500]
