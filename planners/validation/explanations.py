"""pydantic's errors in our words: the dotted field, what is wrong, what would mend it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from planners.agents import AgentSpec, Price, Provider, Retry
from planners.errors import InvalidTask
from planners.resources import Resources
from planners.tasks import Limits, Objective, PlanningOptions, Task
from planners.validation.words import nearest
from planners.workflow import ForEach, Goal, Step, Workflow

# What pydantic puts into a location to say which member of a union it tried; not part of people's documents.
_TAGS = frozenset({"capability", "for_each", "goal"})
_UNION_MEMBERS = frozenset({"InputRef", "StepRef", "ItemRef", "Value", "Gather"})

# The model that the last name of a location stands for.
_MODELS: dict[str, type[BaseModel]] = {
    "objective": Objective,
    "limits": Limits,
    "planning": PlanningOptions,
    "workflow": Workflow,
    "capability": Step,
    "for_each": ForEach,
    "goal": Goal,
    "agents": AgentSpec,
    "providers": Provider,
    "resources": Resources,
    "price": Price,
    "retry": Retry,
}

_FIXES = {
    "missing": "add it",
    "string_pattern_mismatch": "use letters, digits, _ and - (an id begins with a letter, a digit or _)",
    "finite_number": "give a finite number",
}


def explain(error: ValidationError, model: type[BaseModel] = Task) -> list[InvalidTask]:
    """Every error of a validation of ``model``."""
    return explain_errors(error.errors(include_url=False), model)


def explain_errors(details: Sequence[Mapping[str, Any]], model: type[BaseModel] = Task) -> list[InvalidTask]:
    """The same of pydantic's error dictionaries; several about one field are one."""
    flaws: dict[str, InvalidTask] = {}
    for detail in details:
        flaw = _explained(detail, model)
        flaws.setdefault(flaw.field, flaw)
    return list(flaws.values())


def _explained(detail: Mapping[str, Any], model: type[BaseModel]) -> InvalidTask:
    loc = tuple(detail["loc"])
    field = _field(loc)
    if detail["type"] == "extra_forbidden":
        return InvalidTask("there is no such field", field, nearest(str(loc[-1]), _siblings(loc, model)))
    if detail["type"] == "value_error":
        return _own_words(detail, field)
    message = str(detail["msg"])
    fix = _FIXES.get(detail["type"]) or (message[0].lower() + message[1:])
    return InvalidTask("it is missing" if detail["type"] == "missing" else message, field, fix)


def _own_words(detail: Mapping[str, Any], field: str) -> InvalidTask:
    """A validator of ours: 'what is wrong; what would mend it', sometimes with 'field: ' in front."""
    text = str(detail.get("ctx", {}).get("error", detail["msg"]))
    message, _, fix = text.partition("; ")
    return InvalidTask(message, field, fix or message)


def _field(loc: Sequence[str | int]) -> str:
    """The dotted path as people write it: no union tags."""
    kept: list[str] = []
    for index, name in enumerate(loc):
        is_tag = name in _TAGS and index > 0 and isinstance(loc[index - 1], int) and index + 1 < len(loc)
        if not (is_tag or name in _UNION_MEMBERS):
            kept.append(str(name))
    return ".".join(kept)


def _siblings(loc: Sequence[str | int], model: type[BaseModel]) -> list[str]:
    """The fields there are where an unknown one was found."""
    around = [name for name in loc[:-1] if isinstance(name, str)]
    return list((_MODELS.get(around[-1], model) if around else model).model_fields)
