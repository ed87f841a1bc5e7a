"""Kind ``batch``: a callable that works on many calls at once, such as a model on a GPU; ``target`` is its import path.

Each of its parameters is a list, and it returns a list: ``def embed(text: list[str]) -> list[list[float]]``. A step
that calls the agent gives one ``text`` and gets one result. A class is made once in each process, before its first
batch, so that it may load a model.

All attempts of a node share one process, which holds the resources of the entry; each attempt counts as its share of
a full batch.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints
from weakref import WeakKeyDictionary

from pydantic import Field

from actors.context import Context
from actors.errors import InvalidAgent, InvalidCatalog, UnknownTarget
from actors.import_path import load
from actors.invocation import Invocation
from actors.kinds.batches import Batches
from actors.kinds.declared import declared, settings_of
from actors.kinds.kind import Answer, Kind
from actors.signature import Signature
from planners.agents import AgentSpec, Effect
from planners.model import Model
from planners.resources import Resources

_SHAREABLE = (Effect.PURE, Effect.IDEMPOTENT)


class BatchSettings(Model):
    """How calls are put together.

    Attributes:
        max_batch: at most so many calls at a time.
        max_wait_ms: how long the first call of a batch waits for others, if nothing is being worked on.
        process: what the process of the agent holds on a node; taken from the entry's ``resources``.
        release_after_s: seconds without a call after which the process ends and frees what it holds; None: never.
    """

    max_batch: int = Field(default=32, ge=1)
    max_wait_ms: float = Field(default=5.0, ge=0)
    process: Resources = Resources()
    release_after_s: float | None = Field(default=600.0, gt=0)


class BatchKind:
    """Runs attempts as coroutines that wait for their batch."""

    runs_on_loop = True
    checks_schemas = False  # the callable's own types

    def declare(self, entry: Mapping[str, Any], location: str) -> AgentSpec | Mapping[str, Any]:
        """Check the callable and the effect; derive the schemas of a single call, and its share of the resources."""
        settings = settings_of(BatchSettings, entry, location)
        if entry.get("effect", Effect.PURE) not in _SHAREABLE:
            fix = "declare effect: pure or idempotent; a batch that fails is called again, call by call"
            raise InvalidCatalog("calls of this effect cannot share a batch", f"{location}.effect", fix)
        process = settings.process
        if "resources" in entry and not process.amounts():  # else the entry was completed before
            process = declared(Resources, entry["resources"], f"{location}.resources")
        try:
            single = _single(entry.get("target"))
        except (InvalidAgent, UnknownTarget) as error:
            raise InvalidCatalog(error.message, f"{location}.target", error.fix) from None
        derived = {
            "input_schema": single.input_schema,
            "output_schema": single.output_schema,
            "settings": {**settings.model_dump(), "process": process.model_dump()},
            "resources": shared(process, settings.max_batch),
        }
        return {**entry, **derived}

    async def health(self, agent: AgentSpec) -> str:
        """Import the callable."""
        _single(agent.target)
        return "imported"

    async def run(self, call: Invocation, inputs: dict[str, Any], context: Context) -> Answer:
        """Wait for the batch.

        Raises:
            BadInput, BadOutput: inputs or result are not of the types that the callable declares.
            BaseException: whatever the callable raises.
        """
        single = _single(call.target)
        arguments = single.arguments(inputs, context)
        batches = _batches(call.target, BatchSettings.model_validate(call.settings))
        return Answer(single.dumped(await batches.result(arguments)))


def batch_settings(agent: AgentSpec) -> BatchSettings:
    """The settings of a batch agent, with what its process holds on a node."""
    return BatchSettings.model_validate(agent.settings)


def shared(resources: Resources, calls: int) -> Resources:
    """The share of one of so many calls."""
    return Resources(
        cpus=resources.cpus / calls,
        gpus=resources.gpus / calls,
        memory_bytes=resources.memory_bytes // calls,
        custom={name: amount / calls for name, amount in resources.custom.items()},
    )


class SingleCall(Signature):
    """The signature of one call of a callable that takes and returns lists."""

    def __init__(self, target: Callable[..., Any]) -> None:
        called: Any = target
        if inspect.isclass(target):
            _check_class(target)
        body = called.__call__ if inspect.isclass(target) or not inspect.isroutine(target) else called
        hints = get_type_hints(body, include_extras=True)
        parameters = [name for name in inspect.signature(body).parameters if name != "self"]
        items = {name: _item(target, name, hints.get(name)) for name in parameters}
        returned = _item(target, "return", hints.get("return"))

        def one(**_: Any) -> Any: ...

        one.__name__ = one.__qualname__ = getattr(target, "__qualname__", type(target).__qualname__)
        one.__annotations__ = {**items, "return": returned}
        keyword = inspect.Parameter.KEYWORD_ONLY
        shown = [inspect.Parameter(name, keyword, annotation=item) for name, item in items.items()]
        one.__signature__ = inspect.Signature(shown, return_annotation=returned)  # type: ignore[attr-defined]
        super().__init__(one)


def _check_class(target: type) -> None:
    if "__call__" not in dir(target):  # that of its metaclass makes instances
        fix = "define __call__, whose parameters and result are lists"
        raise InvalidAgent(f"'{target.__qualname__}' is a class without __call__", "target", fix)
    parameters = inspect.signature(target).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if needed:
        fix = "give the parameters of __init__ defaults"
        raise InvalidAgent(f"'{target.__qualname__}' cannot be made without {', '.join(needed)}", "target", fix)


def _item(target: Any, name: str, hint: Any) -> Any:
    if get_origin(hint) is not list or len(get_args(hint)) != 1:
        what = "its result" if name == "return" else f"parameter '{name}'"
        fix = "annotate parameters and result as lists, such as text: list[str]"
        raise InvalidAgent(f"{what} of '{getattr(target, '__name__', target)}' is not a list", "target", fix)
    return get_args(hint)[0]


def _single(target: Any) -> SingleCall:
    if not isinstance(target, str):
        raise UnknownTarget("the target is the import path of a callable", "target", "write target: module:attribute")
    return _loaded(target)


@cache
def _loaded(target: str) -> SingleCall:
    return SingleCall(load(target))


@cache
def _made(target: str) -> Callable[..., Any]:
    """The callable, made once in this process if it is a class."""
    found: Any = load(target)
    made: Any = found() if inspect.isclass(found) else found
    return made  # type: ignore[no-any-return]  # callable, or `SingleCall` has refused it


_BATCHES: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[Any, ...], Batches]] = WeakKeyDictionary()


def _batches(target: Any, settings: BatchSettings) -> Batches:
    here = _BATCHES.setdefault(asyncio.get_running_loop(), {})
    key = (target, settings.max_batch, settings.max_wait_ms)
    if key not in here:
        here[key] = Batches(_made(target), settings.max_batch, settings.max_wait_ms / 1000)
    return here[key]


KIND: Kind = BatchKind()
