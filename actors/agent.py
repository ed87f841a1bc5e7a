"""The decorator that declares a typed callable as an agent."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict, TypeVar, Unpack

from pydantic import JsonValue

from actors.errors import InvalidAgent
from actors.kinds.callables import Declaration, Promotion, derived_spec, store_declaration
from actors.verification import DidNot, Happened, Unknown, Verify
from planners.agents import Effect, Price, Retry
from planners.resources import Resources

__all__ = ["DidNot", "Happened", "Unknown", "agent"]

F = TypeVar("F", bound=Callable[..., Any])


class AgentFields(TypedDict, total=False):
    """The fields of `AgentSpec` that a declaration may set; the others are derived from the callable."""

    name: str
    version: str
    description: str
    effect: Effect | str
    discloses: bool
    proposes: bool
    resources: Resources | Mapping[str, Any]
    provider: str | None
    price: Price | Mapping[str, float]
    tokens_per_call: float
    quality: float
    concurrency: int | None
    timeout_s: float | None
    idle_s: float | None
    retry: Retry | Mapping[str, float]
    expected_s: float
    cold_start_s: float
    output_bytes: int
    settings: Mapping[str, JsonValue]
    env: Sequence[str]


def agent(
    capability: str, *, promote: Promotion | None = None, verify: Verify | None = None, **fields: Unpack[AgentFields]
) -> Callable[[F], F]:
    """Declare a typed callable as an agent. The callable itself is returned unchanged.

    An ``async def`` becomes an async agent: thousands of attempts share one process per node, and it needs no resources
    unless it declares some. Any other callable becomes a sync agent: each attempt has its own worker process, and it
    needs one CPU by default.

    Args:
        capability: what the agent can do; steps ask for capabilities.
        promote: required for effect ``stageable``. Called at commit with the context and everything that was staged.
            Sync or async; must be idempotent (send ``context.idempotency_key`` along).
        verify: for effect ``irreversible``. Called with the context of an attempt whose process died before it
            reported; returns `Happened`, `DidNot` or `Unknown`. Sync or async; runs in a process of its own, with a
            time limit.
        fields: further fields of `AgentSpec`.

    Raises:
        InvalidAgent: the callable or a field is not valid; names the field.
    """

    def declare(function: F) -> F:
        spec = derived_spec(function, capability=capability, **fields)
        if (spec.effect is Effect.STAGEABLE) != (promote is not None):
            fix = "give both or neither"
            raise InvalidAgent(f"'{spec.name}': effect stageable and promote go together", "promote", fix)
        if verify is not None and not spec.effect.never_twice:
            fix = "leave verify out: attempts with other effects are run again"
            raise InvalidAgent(f"'{spec.name}': verify is for effect irreversible", "verify", fix)
        store_declaration(function, Declaration(spec, promote, verify))
        return function

    return declare
