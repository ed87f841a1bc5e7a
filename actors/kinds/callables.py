"""What async and sync agents share: both are typed Python callables, found by their import path."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from pydantic import ValidationError

from actors.context import Context
from actors.errors import BadInput, InvalidAgent, InvalidCatalog, UnknownTarget
from actors.import_path import import_path, load, loaded
from actors.invocation import Invocation
from actors.kinds.declared import first_flaw
from actors.kinds.kind import Answer, Unanswered
from actors.signature import Signature
from actors.verification import Verify
from planners.agents import AgentKind, AgentSpec, Effect
from planners.resources import Resources
from planners.validation.suggestions import nearest
from reconciler.state.handoff import Handoff

Promotion = Callable[[Context, dict[str, bytes]], Any]
_ATTRIBUTE = "__forerun_agent__"
# A sync agent takes the default of `AgentSpec`, one CPU; an async agent mostly waits.
_RESOURCES: dict[AgentKind, dict[str, Any]] = {AgentKind.ASYNC: {"resources": Resources()}, AgentKind.SYNC: {}}


@dataclass(frozen=True)
class Declaration:
    """What the decorator stores on a callable."""

    spec: AgentSpec
    promote: Promotion | None = None
    verify: Verify | None = None


class CallableKind(ABC):
    """Fulfils `actors.kinds.kind.Kind` for callables."""

    checks_schemas = False  # a callable checks against its own types

    def declare(self, entry: Mapping[str, Any], location: str) -> AgentSpec | Mapping[str, Any]:
        """See `declared_by_callable`."""
        return declared_by_callable(entry, location)

    async def health(self, agent: AgentSpec) -> str:
        """Import the callable."""
        if isinstance(agent.target, str):
            loaded(agent.target)
        return "imported"

    @abstractmethod
    def run(self, call: Invocation, inputs: dict[str, Any], context: Context) -> Answer | Unanswered:
        """See `actors.kinds.kind.Kind`."""

    @staticmethod
    def prepared(
        call: Invocation, inputs: dict[str, Any], context: Context
    ) -> tuple[Callable[..., Any], Signature, dict[str, Any]]:
        """The callable, its signature and its checked arguments."""
        if not isinstance(call.target, str):
            raise BadInput(f"the target of agent '{call.agent}' is not an import path", "target", "kind: command")
        function, signature = loaded(call.target)
        return function, signature, signature.arguments(inputs, context)


@lru_cache(maxsize=4096)
def answer_with(signature: Signature) -> Callable[[Any], Answer]:
    """Makes the answer of a return value, which it checks. One for all attempts of a callable."""
    return partial(_answer, signature)


def _answer(signature: Signature, returned: Any) -> Answer:
    if isinstance(returned, Handoff):
        return Answer(signature.dumped(returned.output), returned)
    return Answer(signature.dumped(returned))


def declared_by_callable(entry: Mapping[str, Any], location: str) -> AgentSpec | Mapping[str, Any]:
    """The spec of a catalog entry whose target is a callable: the entry overrides what the callable declares.

    Raises:
        InvalidCatalog: names the field and the fix.
    """
    target = entry.get("target")
    if isinstance(target, list | tuple) and "kind" not in entry:
        raise InvalidCatalog("this is the argument vector of a command", f"{location}.target", "add kind: command")
    if not isinstance(target, str):
        return dict(entry)
    if unknown := sorted(map(str, entry.keys() - AgentSpec.model_fields.keys())):
        raise InvalidCatalog("unknown key", f"{location}.{unknown[0]}", nearest(unknown[0], AgentSpec.model_fields))
    try:
        function = load(target)
        spec = derived_spec(function, **{**entry, "target": target})
    except (InvalidAgent, UnknownTarget) as error:
        raise InvalidCatalog(error.message, f"{location}.{error.field}", error.fix) from None
    declared = declaration_of(function)
    if spec.effect is Effect.STAGEABLE and (declared is None or declared.promote is None):
        fix = "decorate the callable with @agent(promote=...)"
        raise InvalidCatalog("a stageable agent needs a promote hook", f"{location}.effect", fix)
    return spec


def derived_spec(function: Callable[..., Any], **fields: Any) -> AgentSpec:
    """The spec of a callable: declared fields, and the kind and schemas that follow from its signature.

    Raises:
        InvalidAgent: see `actors.agent.agent`.
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
    try:
        return AgentSpec.model_validate({**_RESOURCES[kind], **known, **derived, **fields})
    except ValidationError as error:
        flaw = first_flaw(error, AgentSpec)
        raise InvalidAgent(f"'{signature.name}': {flaw.message}", flaw.field, flaw.fix) from None


def declaration_of(function: Any) -> Declaration | None:
    """What the decorator stored on a callable, if it was decorated."""
    return getattr(function, _ATTRIBUTE, None)


def store_declaration(function: Any, declaration: Declaration) -> None:
    """Store a declaration on a callable."""
    setattr(function, _ATTRIBUTE, declaration)


def _first_line(function: Callable[..., Any]) -> str:
    return (getattr(function, "__doc__", None) or "").strip().partition("\n")[0]
