"""Declaring agents: a decorator for typed callables, and finding a callable again by its import path."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypedDict, TypeVar, Unpack

from pydantic import JsonValue, ValidationError

from actors.context import Context
from actors.errors import InvalidAgent, UnknownTarget
from actors.signature import Signature
from planners.agents import AgentKind, AgentSpec, Effect, Price, Retry
from planners.model import AgentName
from planners.resources import Resources

F = TypeVar("F", bound=Callable[..., Any])
Promotion = Callable[[Context, dict[str, bytes]], Any]
_ATTRIBUTE = "__forerun_agent__"


class AgentFields(TypedDict, total=False):
    """What a declaration may say besides the capability: the fields of `AgentSpec` that are not derived."""

    name: str
    version: str
    description: str
    effect: Effect | str
    discloses: bool
    resources: Resources | Mapping[str, Any]
    provider: str | None
    price: Price | Mapping[str, float]
    tokens_per_call: float
    quality: float
    concurrency: int | None
    timeout_s: float | None
    retry: Retry | Mapping[str, float]
    expected_s: float
    cold_start_s: float
    output_bytes: int
    settings: Mapping[str, JsonValue]


@dataclass(frozen=True)
class Declaration:
    """What the decorator leaves on a callable."""

    spec: AgentSpec
    promote: Promotion | None


def agent(capability: str, *, promote: Promotion | None = None, **fields: Unpack[AgentFields]) -> Callable[[F], F]:
    """Declare a typed callable to be an agent. It stays the callable it was.

    An ``async def`` becomes an async agent (hosted with thousands of others on its node) and needs no resources unless
    it says so; any other callable becomes a sync agent, in a worker process of its own, and needs one CPU.

    Args:
        capability: what it can do; steps ask for capabilities.
        promote: for effect ``stageable``: called at commit with the context and all that was staged. Sync or async;
            must be idempotent (send ``context.idempotency_key`` along).
        fields: further fields of `AgentSpec`.

    Raises:
        InvalidAgent: the callable or a field will not do; names the field.
    """

    def declare(function: F) -> F:
        spec = derived_spec(function, capability=capability, **fields)
        if (spec.effect is Effect.STAGEABLE) != (promote is not None):
            fix = "give both or neither"
            raise InvalidAgent(f"'{spec.name}': effect stageable and promote go together", "promote", fix)
        setattr(function, _ATTRIBUTE, Declaration(spec, promote))
        return function

    return declare


def derived_spec(function: Callable[..., Any], **fields: Any) -> AgentSpec:
    """The spec of a callable: declared fields, and what its signature tells.

    Raises:
        InvalidAgent: see `agent`.
    """
    signature = Signature(function)
    declared = declaration_of(function)
    known: dict[str, Any] = {"name": getattr(function, "__name__", ""), "description": _first_line(function)}
    if declared is not None:
        known = declared.spec.model_dump(exclude_unset=True)
    kind = AgentKind.ASYNC if signature.is_async else AgentKind.SYNC
    derived = {
        "kind": kind,
        "target": known.get("target") or import_path(function),
        "input_schema": signature.input_schema,
        "output_schema": signature.output_schema,
    }
    if fields.get("kind", kind) != kind:
        raise InvalidAgent(f"kind is {fields['kind']}, but '{signature.name}' is {kind}", "kind", "leave kind out")
    needs = {} if kind is AgentKind.SYNC else {"resources": Resources()}
    try:
        return AgentSpec.model_validate({**needs, **known, **derived, **fields})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidAgent(f"'{signature.name}': {first['msg']}", place, "see AgentSpec") from None


def declaration_of(function: Any) -> Declaration | None:
    """What the decorator left, if there is any."""
    return getattr(function, _ATTRIBUTE, None)


def import_path(function: Callable[..., Any]) -> AgentName:
    """``module:attribute`` of a callable."""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return AgentName(f"{function.__module__}:{name}")


def load(target: str) -> Callable[..., Any]:
    """The callable at an import path.

    Raises:
        UnknownTarget: says what is missing and what to do.
    """
    module_name, colon, attribute = target.partition(":")
    if not colon or not module_name or not attribute:
        raise UnknownTarget(f"'{target}' is no import path", "target", "write module:attribute")
    try:
        found: Any = importlib.import_module(module_name)
    except ImportError as error:
        fix = "install it where the workers run, or ship it in Ray's runtime_env"
        raise UnknownTarget(f"'{target}' cannot be imported: {error}", "target", fix) from error
    except Exception as error:  # a module of somebody else's may fail in any way while it is imported
        why = f"{type(error).__name__}: {error}"
        raise UnknownTarget(f"'{target}' cannot be imported: {why}", "target", f"mend module {module_name}") from error
    try:
        for part in attribute.split("."):
            found = getattr(found, part)
    except AttributeError:
        fix = "define agents at the top of an importable module"
        raise UnknownTarget(f"module '{module_name}' has no '{attribute}'", "target", fix) from None
    if not callable(found):
        raise UnknownTarget(f"'{target}' is a {type(found).__name__} and cannot be called", "target", "name a callable")
    return found  # type: ignore[no-any-return]  # narrowed by callable()


@lru_cache(maxsize=4096)
def loaded(target: str) -> tuple[Callable[..., Any], Signature]:
    """The callable at an import path and its signature, remembered by the process.

    Raises:
        UnknownTarget: see `load`.
        InvalidAgent: see `Signature`.
    """
    function = load(target)
    return function, Signature(function)


def _first_line(function: Callable[..., Any]) -> str:
    return (getattr(function, "__doc__", None) or "").strip().partition("\n")[0]
