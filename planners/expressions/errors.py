"""The errors of expressions that have no value, or never have one."""

import re

from planners.errors import PlanningError

_BARE = re.compile(r"undeclared reference to '((?:steps|inputs|handoffs|state|context)\.[\w.]+|item|output|results)'")

# What other languages write: by the undeclared name, or by the token that the parser did not expect, what CEL writes.
_UNEXPECTED = re.compile(r"undeclared reference to '(\w+)'|mismatched input '(\w+)'|error at: '(=) ?'")
_IN_CEL = {
    "and": "&&",
    "or": "||",
    "not": "!",
    "=": "==",
    "None": "null",
    "True": "true",
    "False": "false",
    "len": "$x.size()",
    "str": "string(...)",
    "float": "double(...)",
}


class ExpressionFailed(PlanningError):
    """An expression has no value for these inputs, or needs too much time or memory."""


class UnknownField(ValueError):
    """An expression reads a field of an object that certainly has none of that name. ``known``: those that it has."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        return f"it reads the field '{self.name}' of an object that has no such field"


def fix_of_type(flaw: str) -> str:
    """How to mend an expression that the type checker refuses."""
    if (bare := _BARE.search(flaw)) is not None:
        return f"write ${bare[1]}"
    found = _UNEXPECTED.search(flaw)
    name = next(filter(None, found.groups()), "") if found is not None else ""
    if (written := _IN_CEL.get(name)) is not None:
        return f"write {written} in place of {name}"
    if "undeclared reference" in flaw:
        return "references begin with $, and texts are in quotes"
    if "no matching overload" in flaw:
        return "compare like with like; string(...), int(...) and double(...) convert values"
    if flaw.startswith("its value is"):
        return "compare it with something"
    return "see the language definition of CEL"
