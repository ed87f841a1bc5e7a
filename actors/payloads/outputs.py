"""The outputs of finished attempts: small values in this process, large ones by reference."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pydantic_core
from pydantic import JsonValue

from actors.errors import BadInput, OutputGone
from actors.payloads.slots import ComputedSlot, InputSlot
from actors.payloads.store import PayloadStore, ReturnedPayloads, StoredOutput
from planners.bindings import Path, follow
from planners.expressions.errors import ExpressionFailed
from planners.expressions.evaluation import is_quick, value_of
from planners.model import AttemptId, TaskId
from reconciler.state.commands import ComputedOf, Given, ListOf, ObjectOf, OutputOf, Source
from reconciler.state.handoff import Handoff

# Awaiting one gives what the payload store kept. On Ray an ObjectRef, which downstream agents receive as it is.
Reference = Awaitable[Any]


@dataclass(frozen=True, slots=True)
class _Inline:
    value: JsonValue


@dataclass(slots=True)
class BoundInputs:
    """Inputs ready to send: plain values, and slots for the referenced outputs that travel beside them.

    ``computed``: the expressions that are evaluated where the attempt runs.
    """

    inputs: dict[str, Any] = field(default_factory=dict)
    slots: list[InputSlot] = field(default_factory=list)
    computed: list[ComputedSlot] = field(default_factory=list)
    blobs: list[Reference] = field(default_factory=list)
    _seen: dict[AttemptId, int] = field(default_factory=dict)

    @property
    def here(self) -> bool:
        """Whether all inputs are here, so that identical ones are recognised."""
        return not self.slots and not self.computed

    def blob(self, attempt: AttemptId, reference: Reference) -> int:
        """The index of a reference in ``blobs``; each travels once."""
        if attempt not in self._seen:
            self._seen[attempt] = len(self.blobs)
            self.blobs.append(reference)
        return self._seen[attempt]


class Outputs:
    """The readable outputs of every task that has not been released."""

    def __init__(self, payloads: PayloadStore | None = None) -> None:
        self._payloads = payloads or ReturnedPayloads()
        self._of: dict[TaskId, dict[AttemptId, _Inline | Reference]] = {}

    def keep(self, task: TaskId, attempt: AttemptId, value: JsonValue) -> None:
        """Keep a small output."""
        self._of.setdefault(task, {})[attempt] = _Inline(value)

    def restore(self, task: TaskId, outputs: Mapping[AttemptId, JsonValue], stored: Iterable[AttemptId]) -> None:
        """Keep small outputs, and references to those in the store, of attempts of a former process."""
        for attempt, value in outputs.items():
            self.keep(task, attempt, value)
        for attempt in stored:
            self.keep_reference(task, attempt, StoredOutput(task, attempt))

    def keep_reference(self, task: TaskId, attempt: AttemptId, reference: Reference) -> None:
        """Keep the reference to a large output."""
        self._of.setdefault(task, {})[attempt] = reference

    def keep_of(self, task: TaskId, attempt: AttemptId, handoff: Handoff, body: Reference | None) -> None:
        """Keep the output of a handoff, or the reference to it."""
        if handoff.by_reference and body is not None:
            self.keep_reference(task, attempt, body)
        else:
            self.keep(task, attempt, handoff.output)

    def drop(self, task: TaskId, attempts: Iterable[AttemptId]) -> None:
        """Drop the outputs of these attempts."""
        kept = self._of.get(task, {})
        for attempt in attempts:
            self._drop(kept.pop(attempt, None))

    def release(self, task: TaskId) -> None:
        """Drop every output of a task."""
        for kept in self._of.pop(task, {}).values():
            self._drop(kept)

    def holds(self, task: TaskId) -> bool:
        """Whether any output of a task is kept."""
        return task in self._of

    def bound(self, task: TaskId, inputs: Mapping[str, Source]) -> BoundInputs:
        """Resolve an attempt's inputs, as far as their values are in this process.

        Raises:
            OutputGone: an output is not available.
            BadInput: a path does not exist in its output, or an expression has no value.
        """
        bound = BoundInputs()
        for name, source in inputs.items():
            bound.inputs[name] = self._bind(task, source, (name,), bound)
        return bound

    async def value(self, task: TaskId, source: Source) -> JsonValue:
        """The value of a source, fetched if it is large.

        Raises:
            LookupError: the output is gone, the path does not exist in it, or an expression has no value.
        """
        match source:
            case Given(value=value):
                return value
            case ListOf(items=items):
                return [await self.value(task, item) for item in items]
            case ObjectOf(fields=fields):
                return {name: await self.value(task, part) for name, part in fields.items()}
            case OutputOf(attempt=attempt, path=path):
                kept = self._kept(task, attempt)
                whole = kept.value if isinstance(kept, _Inline) else await self._read(kept)
                return follow(whole, path)  # type: ignore[no-any-return]  # a part of a JSON value is one
            case ComputedOf(cel=cel, reads=reads, path=path):
                values = {name: await self.value(task, part) for name, part in reads.items()}
                return await asyncio.to_thread(_computed, cel, values, path)

    async def _read(self, reference: Reference) -> Any:
        kept = await reference
        body = (
            await asyncio.to_thread(self._payloads.read, kept) if self._payloads.blocks else self._payloads.read(kept)
        )
        return pydantic_core.from_json(body)

    def _bind(self, task: TaskId, source: Source, at: Path, bound: BoundInputs) -> Any:
        match source:
            case Given(value=value):
                return value
            case ListOf(items=items):
                return [self._bind(task, item, (*at, i), bound) for i, item in enumerate(items)]
            case ObjectOf(fields=fields):
                return {name: self._bind(task, part, (*at, name), bound) for name, part in fields.items()}
            case OutputOf(attempt=attempt, path=path):
                kept = self._kept(task, attempt)
                if isinstance(kept, _Inline):
                    return _part(kept.value, path, at)
                bound.slots.append(InputSlot(at, bound.blob(attempt, kept), path))
                return None
            case ComputedOf():
                return self._bind_expression(task, source, at, bound)

    def _bind_expression(self, task: TaskId, source: ComputedOf, at: Path, bound: BoundInputs) -> Any:
        """The value of an expression, or what it reads where the value is made later."""
        before = len(bound.slots), len(bound.computed)
        reads = {name: self._bind(task, part, (*at, name), bound) for name, part in source.reads.items()}
        slot = ComputedSlot(at, source.cel, source.path)
        if before == (len(bound.slots), len(bound.computed)) and _takes_no_time(source.cel, reads):
            return slot.value(reads)
        bound.computed.append(slot)
        return reads

    def _kept(self, task: TaskId, attempt: AttemptId) -> _Inline | Reference:
        try:
            return self._of[task][attempt]
        except KeyError:
            raise OutputGone(f"the output of attempt '{attempt}' is gone", "inputs", "run that step again") from None

    def _drop(self, kept: _Inline | Reference | None) -> None:
        if kept is not None and not isinstance(kept, _Inline):
            self._payloads.drop(kept)


def _takes_no_time(cel: str, reads: Mapping[str, Any]) -> bool:
    try:
        return is_quick(cel, reads)
    except ExpressionFailed:  # said where it is evaluated
        return False


def _computed(cel: str, reads: Mapping[str, Any], path: Path) -> Any:
    try:
        return value_of(cel, reads, path)
    except ExpressionFailed as error:
        raise LookupError(f"'{cel}' has no value: {error.message}") from None


def _part(value: JsonValue, path: Path, at: Path) -> Any:
    try:
        return follow(value, path)
    except LookupError as error:
        field_name = ".".join(["inputs", *map(str, at)])
        raise BadInput(f"{error} in the output it is bound to", field_name, "bind a path that exists") from None
