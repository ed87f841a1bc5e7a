"""Work keys: two steps with the same key are the same work, wherever they stand.

key = H(capability, agent identity, bound inputs, work keys of the data parents, occurrence). The occurrence numbers
identical steps of one plan (five samples of one prompt are five pieces of work), so keys are unique within a plan and a
child's key says which of its identical parents it read.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from planners.bindings import Binding, Gather, InputRef, ItemRef, StepRef, Value, follow
from planners.model import StepId, WorkKey, canonical_json, digest
from planners.workflow import Step


class InputDigests:
    """Digests of parts of a task's inputs, each computed once."""

    def __init__(self, inputs: Mapping[str, Any]) -> None:
        self._inputs = inputs
        self._of = lru_cache(maxsize=None)(self._digest)

    def of(self, ref: InputRef) -> str:
        """The digest of the referenced part.

        Raises:
            LookupError: the task has no such input.
        """
        return self._of(ref.input, ref.path)

    def _digest(self, name: str, path: tuple[str | int, ...]) -> str:
        return digest(canonical_json(follow(self._inputs[name], path)))


def work_key(
    step: Step, agent_identity: str, parents: Mapping[StepId, WorkKey], inputs: InputDigests, occurrence: int = 0
) -> WorkKey:
    """The key of one step done by one agent, given the keys of its data parents.

    A literal and a task input of equal value give the same key: it is the same work.
    """
    bound = (f"{name}={_bound(binding, parents, inputs)}" for name, binding in sorted(step.inputs.items()))
    return WorkKey(digest(step.capability, agent_identity, str(occurrence), *bound))


def work_keys(steps: Iterable[tuple[Step, str]], inputs: InputDigests) -> dict[StepId, WorkKey]:
    """Keys of (step, agent identity) pairs given in topological order; unique within the call."""
    keys: dict[StepId, WorkKey] = {}
    seen: Counter[str] = Counter()
    for step, identity in steps:
        first = work_key(step, identity, keys, inputs)
        keys[step.id] = work_key(step, identity, keys, inputs, seen[first]) if seen[first] else first
        seen[first] += 1
    return keys


def _bound(binding: Binding, parents: Mapping[StepId, WorkKey], inputs: InputDigests) -> str:
    match binding:
        case Value(value=value):
            return "v" + digest(canonical_json(value))
        case InputRef():
            return "v" + inputs.of(binding)
        case StepRef(step=step, path=path):
            return "s" + parents[step] + canonical_json(path)
        case Gather(gather=parts):
            return "g" + digest(*(_bound(part, parents, inputs) for part in parts))
        case ItemRef():
            raise ValueError("a for_each must be unrolled before its steps have work keys")
