"""The references of an expression: ``$inputs.NAME``, ``$steps.ID``, ``$item`` and ``$state`` become CEL variables.

``$context.KEY`` becomes one as well. ``$handoffs.ID`` is how a step ended: its ``status`` and ``confidence``.
``$output`` is the output of the step whose `check` it stands in, and ``$confidence`` what its agent says of it.
``$results`` and ``$confidences`` are those of the elements of the fan-out in whose `complete_when` they stand.
What follows a reference is CEL: ``.field``, ``[0]``, ``.size()``. A ``$`` in a text literal or a comment means nothing.
An id may contain ``-``, ``/`` and ``:``, so an operator after a reference is separated from it by a space.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from planners.expressions.literals import COMMENT, TEXT
from planners.leaves import HANDOFF_PART, ContextRef, InputRef, ItemRef, Root, StateRef, StepRef
from planners.model import StepId

_NAME = r"[A-Za-z0-9_]+(?:[-/:][A-Za-z0-9_]+)*"
_TOKEN = re.compile(
    rf"""
      (?P<literal> {TEXT} )
    | (?P<comment> {COMMENT} )
    | (?P<guard> \bhas\s*\(\s* )?
      \$(?: (?P<root>inputs|steps|handoffs|state|context)\.(?P<name>{_NAME})
          | (?P<bare>item|output|confidences?|results)\b )
      (?P<path> (?:\.[A-Za-z_]\w*(?!\w*\s*\())* )
    | (?P<stray> \$[\w.]* )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
# No step can have these names.
OUTPUT = StepId("$output")
CONFIDENCE = StepId("$confidence")
RESULTS = StepId("$results")
CONFIDENCES = StepId("$confidences")
_OWN = frozenset({OUTPUT, CONFIDENCE, RESULTS, CONFIDENCES})
# The part of a step that is not its output: how it ended, and how sure its agent is of the output.
HANDOFF = (HANDOFF_PART,)
_VARIABLE = re.compile(r"\bref_(\d+)\b")


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference of an expression and the fields that follow it. ``guarded``: `has` asks whether the last exists."""

    root: Root
    fields: tuple[str, ...] = ()
    guarded: bool = False

    @property
    def certain(self) -> tuple[str, ...]:
        """The fields that must exist."""
        return self.fields[:-1] if self.guarded else self.fields


@dataclass(frozen=True)
class Expression:
    """An expression in parts: texts of CEL and references, as they stand."""

    parts: tuple[str | Reference, ...]

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """Every reference, in order."""
        return tuple(part for part in self.parts if isinstance(part, Reference))

    @cached_property
    def roots(self) -> tuple[Root, ...]:
        """What the variables stand for, once each: ``ref_0``, ``ref_1``, ..."""
        return tuple(dict.fromkeys(reference.root for reference in self.references))

    @cached_property
    def steps(self) -> tuple[StepId, ...]:
        """The steps whose outputs it reads, once each."""
        return tuple(dict.fromkeys(root.step for root in self.roots if isinstance(root, StepRef)))

    @cached_property
    def outputs(self) -> tuple[StepId, ...]:
        """Those of them of which it reads more than how they ended."""
        return tuple(
            dict.fromkeys(root.step for root in self.roots if isinstance(root, StepRef) and root.path != HANDOFF)
        )

    @cached_property
    def cel(self) -> str:
        """The CEL text, with a variable for each root."""
        names = {root: f"ref_{number}" for number, root in enumerate(self.roots)}
        return self.rendered(lambda reference: ".".join([names[reference.root], *reference.fields]))

    def told(self, text: str) -> str:
        """A message about the CEL text with the references that its variables stand for."""
        return told(text, [written(root) for root in self.roots])

    def renamed(self, names: Callable[[Root], object]) -> str:
        """The expression with other references, as people write it."""
        return self.rendered(lambda reference: ".".join([written(names(reference.root)), *reference.fields]))

    def rendered(self, of: Callable[[Reference], str]) -> str:
        """The text with something else in place of each reference and its fields."""
        return "".join(
            part if isinstance(part, str) else ("has(" if part.guarded else "") + of(part) for part in self.parts
        )


@lru_cache(maxsize=4096)
def parsed(text: str) -> Expression:
    """Find the references of an expression.

    Raises:
        ValueError: a ``$`` begins no reference.
    """
    parts: list[str | Reference] = []
    end = 0
    for found in _TOKEN.finditer(text):
        if found["literal"] is not None or found["comment"] is not None:
            continue
        if found["stray"] is not None:
            raise ValueError(
                f"'{found['stray']}' is not a reference; write $inputs.NAME, $steps.ID, $item or $state.NAME"
            )
        parts += [text[end : found.start()], _reference(found)]
        end = found.end()
    return Expression((*parts, text[end:]))


def told(text: str, names: Sequence[str]) -> str:
    """A message about a CEL text, with these names in place of its variables ``ref_0``, ``ref_1``, ..."""

    def original(found: re.Match[str]) -> str:
        number = int(found[1])
        return names[number] if number < len(names) else found[0]

    return _VARIABLE.sub(original, text)


def _reference(found: re.Match[str]) -> Reference:
    fields = tuple(found["path"].split(".")[1:])
    guarded = found["guard"] is not None
    match found["root"] or found["bare"]:
        case "inputs":
            return Reference(InputRef(input=found["name"]), fields, guarded)
        case "steps":
            return Reference(StepRef(step=StepId(found["name"])), fields, guarded)
        case "handoffs":
            return Reference(StepRef(step=StepId(found["name"]), path=HANDOFF), fields, guarded)
        case "state":
            return Reference(StateRef(loop_state=(found["name"],)), fields, guarded)
        case "context":
            return Reference(ContextRef(context_key=(found["name"],)), fields, guarded)
        case "output" | "confidence" | "results" | "confidences" as own:
            return Reference(StepRef(step=StepId(f"${own}")), fields, guarded)
        case _:
            return Reference(ItemRef(), fields, guarded)


def written(root: object) -> str:
    """A reference as people write it."""
    match root:
        case InputRef(input=name):
            return f"$inputs.{name}"
        case StepRef(step=step, path=path) if path == HANDOFF:
            return f"$handoffs.{step}"
        case StepRef(step=step):
            return step if step in _OWN else f"$steps.{step}"
        case ItemRef():
            return "$item"
        case StateRef(loop_state=path):
            return ".".join(["$state", *map(str, path)])
        case ContextRef(context_key=path):
            return ".".join(["$context", *map(str, path)])
        case _:
            return "a literal"
