"""What pydantic's errors mean, in terms of JSON: what is wrong with a value, and what to write."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from planners.leaves import kind_of
from planners.validation.suggestions import nearest, shown

_QUOTED = re.compile(r"'([^']*)'")
_SCALARS = (bool, int, float)
# So many fields of an object are named at most.
_FEW = 8
_OBJECTS = frozenset({"dict_type", "model_type", "model_attributes_type", "mapping_type"})
_LISTS_OF_NODES = frozenset({"steps", "parallel", "loop", "try"})
_WANTED = {"tuple": "a list", "list": "a list", "int": "a whole number", "float": "a number", "bool": "true or false"}


class Told(NamedTuple):
    """What is wrong, and the fix."""

    message: str
    fix: str


def told(detail: Mapping[str, Any], fields: Sequence[str] = ()) -> Told:
    """An error of pydantic in words.

    Args:
        detail: the error's dictionary.
        fields: of the object that is expected, if it is one.
    """
    kind, value = str(detail["type"]), detail.get("input")
    if kind in _OBJECTS:
        return _object(value, fields)
    if (rule := _RULES.get(kind)) is not None:
        return rule(value, detail.get("ctx") or {})
    for ending, wanted in _WANTED.items():
        if kind.startswith(ending):
            return Told(f"this is {kind_of(value)}, not {wanted}", f"write {wanted}{_of(detail['loc'])}")
    message = str(detail["msg"])
    return Told(message, message[0].lower() + message[1:])


def _of(loc: Sequence[str | int]) -> str:
    """What a list or a number at a location consists of or counts."""
    name = str(loc[-1]) if loc else ""
    if name in _LISTS_OF_NODES:
        return " of nodes, each with its id"
    return " of seconds" if name.endswith("_s") else ""


def _object(value: Any, fields: Sequence[str]) -> Told:
    if fields[:2] == ("steps", "output"):  # a branch, which is mostly written as a list
        return Told(f"this is {kind_of(value)}, not a list of nodes", "write a list of nodes")
    with_fields = f" with the fields {', '.join(fields)}" if 0 < len(fields) <= _FEW else ""
    return Told(f"this is {kind_of(value)}, not an object", f"write an object{with_fields}")


def _too_short(value: Any, context: Mapping[str, Any]) -> Told:
    least = context.get("min_length", 1)
    return Told("it is empty" if not value else f"it has fewer than {least} elements", f"give at least {least}")


def _text(value: Any, _context: Mapping[str, Any]) -> Told:
    return Told(
        f"this is {kind_of(value)}, not a string",
        "write it in quotes" if isinstance(value, _SCALARS) else "write a string",
    )


def _choice(value: Any, context: Mapping[str, Any]) -> Told:
    expected = str(context.get("expected", ""))
    if not isinstance(value, str):
        return Told(f"this is {kind_of(value)}, and none of {expected}", f"write {expected}")
    return Told(f"'{shown(value)}' is none of {expected}", nearest(value, _QUOTED.findall(expected)))


def _bound(bound: str, wrong: str, fix: str) -> Callable[[Any, Mapping[str, Any]], Told]:
    def explained(value: Any, context: Mapping[str, Any]) -> Told:
        limit = context.get(bound)
        return Told(f"{value} is {wrong} {limit}", f"give {fix} {limit}")

    return explained


def _not_json(value: Any, _context: Mapping[str, Any]) -> Told:
    """YAML has values that JSON has not, dates above all."""
    if isinstance(value, date):  # or a datetime, which is one
        return Told("this is a date, which JSON does not have", "write it in quotes, as a text")
    return Told(f"this is a value of type {type(value).__name__}, which JSON does not have", "write a text or a list")


_RULES: dict[str, Callable[[Any, Mapping[str, Any]], Told]] = {
    "missing": lambda _value, _context: Told("required field is missing", "add it"),
    "string_type": _text,
    "string_pattern_mismatch": lambda value, _context: Told(
        f"'{shown(str(value))}' has characters that are not allowed here",
        "use letters, digits, _ and - (an id begins with a letter, a digit or _)",
    ),
    "string_too_short": lambda _value, _context: Told("it is empty", "write something"),
    "string_too_long": lambda _value, context: Told(
        f"it has more than {context.get('max_length')} characters", "shorten it"
    ),
    "invalid-json-value": _not_json,
    "finite_number": lambda value, _context: Told(f"{value} is not finite", "give a finite number"),
    "too_short": _too_short,
    "too_long": lambda _value, context: Told(
        f"it has more than {context.get('max_length')} elements", f"give at most {context.get('max_length')}"
    ),
    "literal_error": _choice,
    "enum": _choice,
    "greater_than": _bound("gt", "not greater than", "a number greater than"),
    "greater_than_equal": _bound("ge", "less than", "at least"),
    "less_than": _bound("lt", "not less than", "a number less than"),
    "less_than_equal": _bound("le", "greater than", "at most"),
}
