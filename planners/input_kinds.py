"""The kind of a step's inputs, for what is learned about agents by kind of input."""

from math import log10

from pydantic import JsonValue

from planners.bindings import Value
from planners.workflow import Step

_MOST_INPUTS = 6
_MOST_LETTERS = 16


def input_kind(step: Step) -> str:
    """A short text, equal for inputs that are alike: ``language=de, text~10^3``; empty if no input is known.

    Words and flags stand for themselves; numbers, longer texts and lists only for their magnitude. References have no
    kind before their values are known.
    """
    known = ((name, binding.value) for name, binding in sorted(step.inputs.items()) if isinstance(binding, Value))
    return ", ".join([_kind(name, value) for name, value in known][:_MOST_INPUTS])


def _kind(name: str, value: JsonValue) -> str:
    match value:
        case bool() | None:
            return f"{name}={str(value).lower()}"
        case int() | float():
            return f"{name}~10^{_magnitude(abs(value))}"
        case str() if len(value) <= _MOST_LETTERS and value.isalpha():
            return f"{name}={value}"
        case _:
            return f"{name}~10^{_magnitude(len(value))}"


def _magnitude(amount: float) -> int:
    """The power of ten below it; 0 for what is smaller than 10."""
    return int(log10(amount)) if 10 <= amount < 1e300 else 0
