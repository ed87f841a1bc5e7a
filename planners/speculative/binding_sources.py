"""Where inputs of a capability came from in past plans, in terms that hold for other plans too."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from planners.bindings import SPOKEN, Binding, Gather, InputRef, Path, StepRef, Value, leaves
from planners.model import StepId, canonical_json
from planners.speculative.choice_statistics import ChoiceCounts, ChoiceStatistics
from planners.workflow import Step


@dataclass(frozen=True)
class BindingSource:
    """A task input by name, the output of a capability, a list of such outputs, or a (masked) literal."""

    kind: Literal["input", "step", "gather", "value"]
    of: JsonValue
    path: Path = ()

    @classmethod
    def from_binding(cls, binding: Binding, steps: Mapping[StepId, Step]) -> "BindingSource | None":
        """The source of a binding among these steps; None if it cannot be told in terms of capabilities."""
        match binding:
            case InputRef(input=name, path=path):
                return cls("input", name, path)
            case StepRef(step=step, path=path) if step in steps and path[:1] not in SPOKEN:
                return cls("step", steps[step].capability, path)
            case Value(value=value):
                return cls("value", value)
            case Gather() if (refs := list(leaves(binding))) and all(isinstance(ref, StepRef) for ref in refs):
                made: set[tuple[str, Path]] = {
                    (steps[ref.step].capability, ref.path)
                    for ref in refs
                    if isinstance(ref, StepRef) and ref.step in steps
                }
                return cls("gather", *made.pop()) if len(made) == 1 else None
            case _:
                return None

    @property
    def key(self) -> str:
        """The source as canonical text."""
        return canonical_json([self.kind, self.of, self.path])

    @classmethod
    def from_key(cls, key: str) -> "BindingSource":
        """Inverse of `key`."""
        kind, of, path = json.loads(key)
        return cls(kind, of, tuple(path))


_Ranked = Sequence[tuple[BindingSource, float]]


class BindingSources:
    """Counts of sources, per capability and input. At most ``size`` inputs are kept."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._statistics = ChoiceStatistics(size)
        self._read: dict[tuple[str, str], tuple[ChoiceCounts, _Ranked]] = {}

    def observe(self, steps: Iterable[Step]) -> None:
        """Count the sources of all inputs of a plan's steps, whose literals are masked."""
        by_id = {step.id: step for step in steps}
        for step in by_id.values():
            for name, binding in step.inputs.items():
                if (source := BindingSource.from_binding(binding, by_id)) is not None:
                    self._statistics.observe(canonical_json([step.capability, name]), {source.key: 1.0})

    def of(self, capability: str, name: str) -> _Ranked:
        """The sources of an input in past plans, with their shares, the likeliest first."""
        counts = self._statistics.of(canonical_json([capability, name]))
        if counts is None:
            return ()
        # A goal asks for the same inputs in each of its guesses, and to read the texts takes most of the time.
        known = self._read.get((capability, name))
        if known is None or known[0] is not counts:
            if len(self._read) >= self._size:
                self._read = {}
            known = counts, [(BindingSource.from_key(key), share) for key, share in counts.ranked()]
            self._read[capability, name] = known
        return known[1]
