"""Which LLM decomposes goals, and how patient to be with it."""

from typing import Literal

from pydantic import Field, JsonValue, SecretStr

from planners.model import Model


class LLMConfig(Model):
    """An LLM behind any URL that speaks the OpenAI chat protocol.

    ``output`` is how the answer is kept to its schema: ``json_schema`` (constrained by the server and streamed token by
    token everywhere), ``tool`` (a forced tool call; some servers hold a call back until it is whole) or ``json_object``
    (the schema stands in the prompt; for servers that know no better). ``max_repairs`` bounds how often one goal is
    asked again after a wrong answer, ``max_retries`` how often the client repeats a request that was refused (429, 5xx)
    before its first token. ``extra`` goes into the request's body as it is (seed, reasoning effort, ...).
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
    temperature: float | None = 0.0
    extra: dict[str, JsonValue] = Field(default_factory=dict)

    def scrubbed(self, text: str) -> str:
        """Text that may be shown: the key is struck out, wherever a provider has echoed it, and it is short."""
        key = self.api_key.get_secret_value() if self.api_key is not None else ""
        return (text.replace(key, "***") if key else text)[:500]
