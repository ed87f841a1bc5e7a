"""The forms that a binding may have in a document: which JSON values read as one, and what shorthand stands for."""

import json
import re
from typing import Any

from planners.leaves import HANDOFF_PART, OF_HANDOFFS
from planners.model import Model

# Written in one way only, so that "007" stays the key it is.
_INDEX = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)
# As in other languages: [0] or ["key"].
_SUBSCRIPT = re.compile(r"""\[(?:(\d+)|'([^']*)'|"([^"]*)")\]""")
# Inside objects, texts such as "$5" or "$ {x}" are none.
LIKE_A_REFERENCE = re.compile(r"\$[A-Za-z_]\w*(\.|$)", re.ASCII)
# More levels take pydantic and the work keys too long.
MOST_LEVELS = 32
FORMS = {
    "input": "InputRef",
    "step": "StepRef",
    "item": "ItemRef",
    "loop_state": "StateRef",
    "context_key": "ContextRef",
    "value": "Value",
    "gather": "Gather",
    "composed": "Composed",
    "cel": "Computed",
}
# What stands beside them.
_MORE = frozenset({"path", "reads"})


def refers(raw: Any, *, inside: bool = False, depth: int = 0) -> bool:
    """Whether there is a reference somewhere in a list or an object.

    Args:
        raw: a JSON value, perhaps with bindings in it.
        inside: whether it is a part of an object.
        depth: how many levels are above it.

    Raises:
        ValueError: there is a reference deeper than MOST_LEVELS.
    """
    found = _level_of_reference(raw, inside=inside)
    if found is not None and found + depth > MOST_LEVELS:
        raise ValueError(f"a reference is {found + depth} levels deep; give it an input of its own")
    return found is not None


def _level_of_reference(raw: Any, *, inside: bool = False) -> int | None:
    """How deep some reference in a list or an object is; None if there is none."""
    if not isinstance(raw, dict | list | tuple) or not _may_refer(raw):
        return None
    pending: list[tuple[Any, bool, int]] = [(raw, inside, 0)]
    while pending:
        value, in_object, depth = pending.pop()
        if isinstance(value, Model):
            return depth
        if isinstance(value, str):
            if LIKE_A_REFERENCE.match(value) if in_object else value.startswith("$"):
                return depth
        elif isinstance(value, dict):
            if is_expression(value):
                return depth
            pending += [(part, True, depth + 1) for part in value.values()]
        elif isinstance(value, list | tuple):
            pending += [(part, in_object, depth + 1) for part in value]
    return None


def _may_refer(raw: Any) -> bool:
    """Quickly, whether some text in a JSON value begins with $, or an expression may be there."""
    try:
        text = json.dumps(raw)
    except (TypeError, ValueError, RecursionError):  # it holds models, or is deep
        return True
    return '"$' in text or ('"cel"' in text and "$" in text)


def is_form(raw: Any) -> bool:
    """Whether a JSON value is the full form of a binding."""
    if not isinstance(raw, dict) or len(raw.keys() & FORMS.keys()) != 1:
        return False
    return is_expression(raw) if "cel" in raw else raw.keys() <= FORMS.keys() | {"path"}


def is_expression(raw: dict[str, Any]) -> bool:
    """Whether an object is the value of an expression. One that reads nothing is a literal."""
    text = raw.get("cel")
    return isinstance(text, str) and "$" in text and raw.keys() <= {"cel", *_MORE}


def reads_as_binding(raw: Any) -> bool:
    """Whether a JSON value would be read as a binding other than a literal."""
    if isinstance(raw, str):
        return raw.startswith("$")
    return is_form(raw) or _level_of_reference(raw) is not None


def reference(text: str) -> dict[str, Any]:
    """The full form of a reference.

    Raises:
        ValueError: it is none.
    """
    root, *rest = text[1:].split(".")
    if root == "steps" and len(rest) == 1:  # by far the most common
        return {"step": rest[0]}
    if "[" in text and _SUBSCRIPT.search(text):
        raise ValueError(f"'{text}' is not a reference; write {_SUBSCRIPT.sub(_without_brackets, text)}")
    path = [int(part) if part[:1].isdigit() and _INDEX.fullmatch(part) else part for part in rest]
    if root == "item":
        return {"item": path}
    if root == "state":
        return {"loop_state": path}
    if root == "context":
        return {"context_key": path}
    if root == "handoffs" and len(path) > 1:
        if path[1] not in OF_HANDOFFS:
            raise ValueError(f"'{text}': of a handoff, inputs read {' and '.join(OF_HANDOFFS)}")
        return {"step": str(path[0]), "path": [HANDOFF_PART, *path[1:]]}
    if root in ("inputs", "steps") and path:
        return {"input" if root == "inputs" else "step": str(path[0]), "path": path[1:]}
    raise ValueError(
        f"'{text}' is not a reference; write $inputs.NAME, $steps.ID or $item, "
        'or {value: "..."} for a literal that begins with $'
    )


def _without_brackets(found: re.Match[str]) -> str:
    return f".{next(part for part in found.groups() if part is not None)}"


def form(raw: Any) -> str:
    """The name of the form of a parsed binding. One form is tried, so an error is reported once."""
    if isinstance(raw, Model):
        return type(raw).__name__
    for key in raw:
        if key in FORMS:
            return FORMS[key]
    return "Value"
