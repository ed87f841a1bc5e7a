"""Plans that a task brings along (mode ``oracle``): whether their steps can run in the order given."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from planners.bindings import Binding, ContextRef, InputRef, ItemRef, StepRef, follow, leaves, shorthand
from planners.errors import InvalidTask
from planners.model import StepId, WorkKey
from planners.plans import Plan, PlannedStep
from planners.validation.structure import cycle_flaw
from planners.validation.suggestions import nearest

_FIELD = "planning.plan"


def broken_plan(plan: Plan, inputs: Mapping[str, Any]) -> Iterator[InvalidTask]:
    """What keeps a given plan from running to its end; cycles and order only if every reference is right."""
    sound = True
    for flaw in chain(_pending(plan), _not_unique(plan)):
        sound = False
        yield flaw
    for field, binding in _bindings(plan):
        for flaw in _leading_nowhere(binding, field, plan, inputs):
            sound = False
            yield flaw
    for planned in plan.steps:
        for ref in planned.step.after:
            if ref not in plan.by_id:
                sound = False
                yield _unknown_step(ref, f"{_field(planned)}.after", plan)
    if sound:
        yield from _order(plan)


def _pending(plan: Plan) -> Iterator[InvalidTask]:
    if plan.pending:
        message = f"'{plan.pending[0].id}' is still pending, and a given plan is not planned again"
        yield InvalidTask(message, f"{_FIELD}.pending", "unroll it into steps")


def _not_unique(plan: Plan) -> Iterator[InvalidTask]:
    ids: set[StepId] = set()
    keys: set[WorkKey] = set()
    for planned in plan.steps:
        if planned.id in ids:
            fix = "give each step its own id"
            yield InvalidTask(f"the id '{planned.id}' is used more than once", _field(planned), fix)
        if planned.work_key in keys:
            fix = "give each step its own work key"
            yield InvalidTask("another step has the same work key", f"{_field(planned)}.work_key", fix)
        ids.add(planned.id)
        keys.add(planned.work_key)


def _bindings(plan: Plan) -> Iterator[tuple[str, Binding]]:
    for planned in plan.steps:
        for name, binding in planned.step.inputs.items():
            yield f"{_field(planned)}.inputs.{name}", binding
    for name, binding in plan.outputs.items():
        yield f"{_FIELD}.outputs.{name}", binding


def _leading_nowhere(binding: Binding, field: str, plan: Plan, inputs: Mapping[str, Any]) -> Iterator[InvalidTask]:
    for leaf in leaves(binding):
        match leaf:
            case StepRef(step=step) if step not in plan.by_id:
                yield _unknown_step(step, field, plan)
            case ItemRef() | ContextRef():
                message = f"{shorthand(leaf)} has no meaning in a plan"
                yield InvalidTask(message, field, "refer to the element itself, or to the step that writes the key")
            case InputRef(input=name) if name not in inputs:
                yield InvalidTask(f"the task has no input '{name}'", field, nearest(name, inputs))
            case InputRef(input=name, path=path):
                try:
                    follow(inputs[name], path)
                except LookupError as error:
                    message = f"the input '{name}' has {error.args[0]}"
                    yield InvalidTask(message, field, "correct the path or the input")
            case _:
                pass


def _order(plan: Plan) -> Iterator[InvalidTask]:
    cycles = list(cycle_flaw({planned.id: planned.step.parents for planned in plan.steps}, f"{_FIELD}.steps"))
    yield from cycles
    if cycles:
        return
    listed: set[StepId] = set()
    for planned in plan.steps:
        if late := next((parent for parent in planned.step.parents if parent not in listed), None):
            message = f"it waits for '{late}', which the plan lists later"
            yield InvalidTask(message, _field(planned), "list each step after the steps it waits for")
        listed.add(planned.id)


def _unknown_step(ref: StepId, field: str, plan: Plan) -> InvalidTask:
    return InvalidTask(f"the plan has no step '{ref}'", field, nearest(ref, plan.by_id))


def _field(planned: PlannedStep) -> str:
    return f"{_FIELD}.steps.{planned.id}"
