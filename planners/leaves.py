"""The leaves of bindings that refer to something, and paths into JSON values."""

from typing import Any

from pydantic import Field

from planners.model import Model, StepId

Path = tuple[str | int, ...]
# A path of a step that begins so leads to what its handoff says besides the output. No key of an output is meant.
HANDOFF_PART, CONTEXT_PART = "$handoff", "$context"
SPOKEN = frozenset({(HANDOFF_PART,), (CONTEXT_PART,)})
# What inputs read of a handoff.
OF_HANDOFFS = ("summary", "confidence")


class InputRef(Model):
    """A task input, or a part of it."""

    input: str = Field(description="The name of the task input")
    path: Path = Field(default=(), description="Keys and indexes of the part")


class StepRef(Model):
    """The output of another step, or a part of it."""

    step: StepId = Field(description="The id of the step")
    path: Path = Field(default=(), description="Keys and indexes of the part")


class ItemRef(Model):
    """The current element of the innermost ``for_each``, or a part of it."""

    item: Path = Field(default=(), description="Keys and indexes of the part")


class StateRef(Model):
    """The state of the innermost ``loop`` at the beginning of the current turn, or a part of it."""

    # Its name is unlike any that a literal object is likely to have.
    loop_state: Path = Field(default=(), description="The name in the state, then keys and indexes of the part")


class ContextRef(Model):
    """What the nodes before have written to the context under a key, or a part of it; without a path all of it."""

    context_key: Path = Field(default=(), description="The key, then keys and indexes of the part")


# What a reference begins with, and where it leads.
Root = InputRef | StepRef | ItemRef | StateRef | ContextRef


def follow(value: Any, path: Path) -> Any:
    """The part of a JSON value at a path. A number is an index of a list, or a key of an object.

    Raises:
        LookupError: there is no such part; the message says where the path ends, and at what.
    """
    for depth, part in enumerate(path):
        if isinstance(value, dict) and str(part) in value:
            value = value[str(part)]
        elif isinstance(value, list | tuple) and isinstance(part, int) and 0 <= part < len(value):
            value = value[part]
        else:
            at = ".".join(map(str, path[:depth])) or "the top"
            raise LookupError(f"no '{part}' at {at}, {kind_of(value)}")
    return value


def kind_of(value: Any) -> str:
    """A JSON value's type, for messages: "an array of 2", "a string"."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list() | tuple():
            return f"an array of {len(value)}"
        case _:
            return "an object"
