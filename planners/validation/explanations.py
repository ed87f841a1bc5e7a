"""Translates pydantic's errors: the dotted field, what is wrong, and the fix."""

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from planners.errors import InvalidTask
from planners.leaves import kind_of
from planners.nodes import KINDS
from planners.tasks import Task
from planners.validation.locations import Location, field_of, names_at, without_json_forms
from planners.validation.suggestions import nearest, shortened
from planners.validation.unknown_fields import fix_of_unknown
from planners.validation.wording import told

MAX_EXPLAINED = 20
_MOST_READ = 200
# Words for the kinds of nodes that other systems have.
_OTHER_WORDS = {
    **dict.fromkeys(("map", "each"), "for_each"),
    **dict.fromkeys(("if", "when", "switch", "cases"), "route"),
    **dict.fromkeys(("repeat", "while", "until"), "loop"),
    **dict.fromkeys(("fallback", "catch"), "try"),
    "sleep": "wait",
}
_NODE_KINDS = ["capability", *(kind for kind in KINDS if kind not in ("tried", "capability"))]
_WHAT_A_TASK_IS = "write an object with a goal or a workflow; `forerun schema task` prints all fields"
_BRANCHES = frozenset({"else", "otherwise", "fallback"})


def explain(error: ValidationError, model: type[BaseModel] = Task, document: Any = None) -> list[InvalidTask]:
    """The errors of a validation of ``model``: one per field, and at most MAX_EXPLAINED.

    ``document`` is what was validated. With it, fields name nodes by their ids, else by their indexes.
    """
    details = error.errors(include_url=False)
    flaws: dict[str, InvalidTask] = {}
    read = details[:_MOST_READ]
    kindless = {tuple(detail["loc"][:-1]) for detail in read if _lacks_a_kind(detail) or _lacks_nodes(detail)}
    for detail in read:
        if _follows(detail, kindless):
            continue
        flaw = shortened(_explained(detail, model, document))
        flaws.setdefault(flaw.field, flaw)
        if len(flaws) == MAX_EXPLAINED:
            break
    return list(flaws.values())


def _lacks_a_kind(detail: Mapping[str, Any]) -> bool:
    """Whether a node lacks what would tell its kind; pydantic then takes it for a step."""
    return detail["type"] == "missing" and tuple(detail["loc"][-2:]) == ("capability", "capability")


def _lacks_nodes(detail: Mapping[str, Any]) -> bool:
    """Whether one node, or something else, stands where a list of nodes does."""
    return detail["type"] == "missing" and len(detail["loc"]) > 1 and _is_steps_of_branch(*detail["loc"][-2:])


def _is_steps_of_branch(around: str | int, name: str | int) -> bool:
    return name == "steps" and around in _BRANCHES


def _follows(detail: Mapping[str, Any], kindless: Collection[Location]) -> bool:
    """Whether an error only follows from others, or from a form of the value that was not meant."""
    loc, kind = tuple(detail["loc"]), detail["type"]
    if kind == "too_short" and detail.get("input"):
        return True  # all of its items are wrong, which is told of each
    if kind == "extra_forbidden":
        return loc[:-1] in kindless
    # Of a union, the objects are tried as well.
    return kind in ("literal_error", "bool_type") and isinstance(detail.get("input"), dict)


def _explained(detail: Mapping[str, Any], model: type[BaseModel], document: Any) -> InvalidTask:
    loc, kind = tuple(detail["loc"]), detail["type"]
    if kind == "invalid-json-value":
        loc = without_json_forms(loc)
    if kind == "value_error":
        return _validator_message(detail, field_of(loc, document, of_node=True))
    if _lacks_a_kind(detail) and isinstance(detail.get("input"), dict):
        return _without_kind(detail["input"], field_of(loc[:-1], document, of_node=True))
    if _lacks_nodes(detail):
        return InvalidTask(
            "this is an object, not a list of nodes", field_of(loc[:-1], document), "write a list of nodes"
        )
    field = field_of(loc, document, of_node=kind in ("model_type", "model_attributes_type"))
    if kind == "extra_forbidden":
        return InvalidTask("unknown field", field, fix_of_unknown(loc, model))
    if any(str(part).startswith("constrained-") for part in loc):  # the only such union
        message = f"{detail.get('input')!r} is neither a count of elements nor a share of them"
        return InvalidTask(message, field, 'write a count such as 2, or a share such as "60%"')
    if not loc and model is Task:
        return InvalidTask(f"this is {kind_of(detail.get('input'))}, not a task", "", _WHAT_A_TASK_IS)
    words = told(detail, names_at(loc, model))
    if kind == "literal_error" and "on_expiry" in loc and not words.fix.startswith("did you mean"):
        # The other member of the union.
        return InvalidTask(words.message, field, f"write {detail['ctx']['expected']}, or {{output: ...}}")
    return InvalidTask(words.message, field, words.fix)


def _without_kind(node: Mapping[str, Any], field: str) -> InvalidTask:
    known = next((f"write {_OTHER_WORDS[name]}" for name in node if name in _OTHER_WORDS), None)
    guesses = (nearest(name, _NODE_KINDS) for name in node if name not in ("id", "steps", "inputs"))
    guess = next((guess for guess in guesses if guess.startswith("did you mean")), None)
    message = "no field says what the node does"
    if known or guess:
        return InvalidTask(message, field, known or guess or "")
    return InvalidTask(message, f"{field}.capability", f"add {', '.join(_NODE_KINDS[:-1])} or {_NODE_KINDS[-1]}")


def _validator_message(detail: Mapping[str, Any], field: str) -> InvalidTask:
    """Forerun's validators say 'what is wrong; the fix'."""
    text = str(detail.get("ctx", {}).get("error", detail["msg"]))
    message, _, fix = text.partition("; ")
    return InvalidTask(message, field, fix or message)
