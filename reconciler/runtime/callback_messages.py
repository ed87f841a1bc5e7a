"""Whether an answer can be the message that a callback waits for, which is its output."""

import json
import shlex
from collections.abc import Iterator
from typing import NamedTuple

from planners.bindings import HANDOFF_PART, Binding, StepRef, shorthand, step_refs
from planners.model import StepId
from planners.plans import PlannedStep
from planners.validation.shapes import Known
from planners.validation.type_match import mismatch
from reconciler.errors import InvalidAnswer
from reconciler.state.events import StepAnswered
from reconciler.state.run import RunState

_NULL = Known(None)
_MOST_NAMED = 3


class _Reading(NamedTuple):
    """Who reads what of the output, and the field of it that is read."""

    told: str
    field: str | int | None = None


def check_message(run: RunState, callback: StepId, answer: StepAnswered) -> None:
    """Refuse a rejection, which is no message, and an answer without an output where null cannot be one.

    An output that was given passes, null included: a condition of the workflow may know what to do with it.

    Raises:
        InvalidAnswer: names who reads what of the output.
    """
    if not answer.approved:
        fix = f"send its output, or cancel the task: forerun cancel {run.id}"
        raise InvalidAnswer(f"step '{callback}' is a callback, which cannot be rejected", "approved", fix)
    if "output" in answer.model_fields_set:
        return
    readings = list(dict.fromkeys(_readings(run, callback)))
    if readings:
        more = f" and {len(readings) - _MOST_NAMED} more" if len(readings) > _MOST_NAMED else ""
        told = ", ".join(reading.told for reading in readings[:_MOST_NAMED])
        fields = dict.fromkeys((one.field for one in readings if isinstance(one.field, str)), "...")
        command = f"forerun approve {run.id} {shlex.quote(callback)} --output '{json.dumps(fields or '...')}'"
        raise InvalidAnswer(
            f"the answer has no output, but step '{callback}' waits for one: {told}{more}",
            "output",
            f"add it, as in: {command}; null if there is nothing to say",
        )


def _readings(run: RunState, callback: StepId) -> Iterator[_Reading]:
    """What is read of the output and cannot be read of null."""
    if run.plan is None:
        return
    for planned in run.plan.steps:
        for name, binding in planned.step.inputs.items():
            yield from _parts(f"step '{planned.id}'", callback, binding)
            if isinstance(binding, StepRef) and binding == StepRef(step=callback):
                yield from _whole(run, planned, name)
    for name, binding in run.plan.outputs.items():
        yield from _parts(f"output '{name}'", callback, binding)
    yield from (_Reading(f"'{node.id}' depends on it") for node in run.plan.pending if callback in node.awaited)


def _parts(reader: str, callback: StepId, binding: Binding) -> Iterator[_Reading]:
    for ref in step_refs(binding):
        if ref.step == callback and ref.path and ref.path[0] != HANDOFF_PART:
            yield _Reading(f"{reader} reads {shorthand(ref)}", ref.path[0])


def _whole(run: RunState, planned: PlannedStep, name: str) -> Iterator[_Reading]:
    """An input that is the whole output, if its agent certainly does not take null."""
    schema = run.catalog.by_name[planned.placement.agent].input_schema or {}
    properties = schema.get("properties") or {}
    found = mismatch(_NULL, properties[name], schema) if name in properties else None
    if found is not None:
        yield _Reading(f"step '{planned.id}' takes it as '{name}', which is {found.wanted}")
