"""Translates pydantic's errors: the dotted field, what is wrong, and the fix."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from planners.agents import AgentSpec, Price, Provider, Retry
from planners.binding_forms import FORMS
from planners.errors import InvalidTask
from planners.nodes import KINDS
from planners.policies import Join
from planners.resources import Resources
from planners.tasks import Limits, Objective, PlanningOptions, Task
from planners.validation.suggestions import nearest, shortened
from planners.workflow import Workflow

# pydantic adds the member of a union that it tried to the location; documents do not contain it.
_TAGS = frozenset(KINDS)
_UNION_MEMBERS = frozenset(FORMS.values())
# Fields of bindings that are written as lists and objects.
_MADE_OF = frozenset({"gather", "composed", "reads"})

# The model behind the last name of a location.
_MODELS: dict[str, type[BaseModel]] = {
    "objective": Objective,
    "limits": Limits,
    "planning": PlanningOptions,
    "workflow": Workflow,
    **KINDS,
    "agents": AgentSpec,
    "providers": Provider,
    "resources": Resources,
    "price": Price,
    "retry": Retry,
    "join": Join,
}

MAX_EXPLAINED = 20
_MOST_READ = 200

_FIXES = {
    "missing": "add it",
    "string_pattern_mismatch": "use letters, digits, _ and - (an id begins with a letter, a digit or _)",
    "finite_number": "give a finite number",
}


def explain(error: ValidationError, model: type[BaseModel] = Task) -> list[InvalidTask]:
    """The errors of a validation of ``model``."""
    return explain_errors(error.errors(include_url=False), model)


def explain_errors(details: Sequence[Mapping[str, Any]], model: type[BaseModel] = Task) -> list[InvalidTask]:
    """The same for pydantic's error dictionaries. One error per field, and at most MAX_EXPLAINED."""
    flaws: dict[str, InvalidTask] = {}
    for detail in details[:_MOST_READ]:
        if detail["type"] == "too_short" and detail.get("input"):
            continue  # only because all of its items are wrong, which is told of each
        flaw = shortened(_explained(detail, model))
        flaws.setdefault(flaw.field, flaw)
        if len(flaws) == MAX_EXPLAINED:
            break
    return list(flaws.values())


def _explained(detail: Mapping[str, Any], model: type[BaseModel]) -> InvalidTask:
    loc = tuple(detail["loc"])
    field = _field(loc)
    if detail["type"] == "extra_forbidden":
        return InvalidTask("unknown field", field, nearest(str(loc[-1]), _siblings(loc, model)))
    if detail["type"] == "value_error":
        return _validator_message(detail, field)
    message = str(detail["msg"])
    fix = _FIXES.get(detail["type"]) or (message[0].lower() + message[1:])
    return InvalidTask("required field is missing" if detail["type"] == "missing" else message, field, fix)


def _validator_message(detail: Mapping[str, Any], field: str) -> InvalidTask:
    """Forerun's validators say 'what is wrong; the fix'."""
    text = str(detail.get("ctx", {}).get("error", detail["msg"]))
    message, _, fix = text.partition("; ")
    return InvalidTask(message, field, fix or message)


def _field(loc: Sequence[str | int]) -> str:
    """The dotted path as in the document, without union tags."""
    kept: list[str] = []
    for index, name in enumerate(loc):
        is_tag = name in _TAGS and index > 0 and isinstance(loc[index - 1], int) and index + 1 < len(loc)
        is_form = name in _MADE_OF and index > 0 and loc[index - 1] in _UNION_MEMBERS
        if not (is_tag or is_form or name in _UNION_MEMBERS):
            kept.append(str(name))
    return ".".join(kept)


def _siblings(loc: Sequence[str | int], model: type[BaseModel]) -> list[str]:
    """The known fields beside an unknown one."""
    around = [name for name in loc[:-1] if isinstance(name, str)]
    return list((_MODELS.get(around[-1], model) if around else model).model_fields)
