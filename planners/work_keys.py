"""Work keys: two steps with the same key are the same work, whatever their position.

key = H(capability, agent identity, bound inputs, work keys of the data parents, occurrence). The occurrence numbers
identical steps of one plan (five samples of one prompt are five pieces of work), so keys are unique within a plan, and
the key of a child identifies which of several identical parents it read.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from planners.bindings import Binding, Computed, InputRef, Leaf, Path, StepRef, Value, fold_binding, follow
from planners.expressions.reads import used_reads
from planners.model import StepId, WorkKey, canonical_json, digest, digest_of, framed
from planners.occurrences import Ranges, nth_free
from planners.workflow import Step

_WHOLE = canonical_json(())  # the path of a whole output


def value_digest(value: Any) -> str:
    """The digest of a JSON value. JSON has one kind of number, so 1 and 1.0 have the same digest."""
    text = canonical_json(value)
    # Only a float is written with a point or an exponent, and most values have none.
    return digest(canonical_json(_with_integers(value)) if "." in text or "e" in text else text)


def _with_integers(value: Any) -> Any:
    """The value with every whole float as an integer."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {name: _with_integers(part) for name, part in value.items()}
        case list() | tuple():
            return [_with_integers(part) for part in value]
        case _:
            return value


class InputDigests:
    """Digests of parts of a task's values, each computed once."""

    def __init__(self, inputs: Mapping[str, Any]) -> None:
        self._inputs = inputs
        self._known: dict[tuple[str, Path], str] = {}

    def of(self, ref: InputRef) -> str:
        """The digest of the referenced part.

        Raises:
            LookupError: the task has no such value.
        """
        key = ref.input, ref.path
        if key not in self._known:
            self._known[key] = value_digest(follow(self._inputs[ref.input], ref.path))
        return self._known[key]


def work_key(
    step: Step, agent_identity: str, parents: Mapping[StepId, WorkKey], inputs: InputDigests, occurrence: int = 0
) -> WorkKey:
    """The key of one step by one agent, given the keys of its data parents.

    A literal and a task input of equal value give the same key. The keys that it writes to the context are part of it.
    """
    parts = framed(_bound_parts(step, parents, inputs))
    return WorkKey(digest_of(_head(step.capability, agent_identity, occurrence) + parts))


def _head(capability: str, agent_identity: str, occurrence: int = 0) -> bytes:
    """What the key of work begins with, before what the step is bound to."""
    return framed((capability, agent_identity, str(occurrence)))


def _bound_parts(step: Step, parents: Mapping[StepId, WorkKey], inputs: InputDigests) -> list[str]:
    """What a step is bound to, and what else the key of its work depends on besides capability and agent."""
    parts: list[str] = []
    bound = step.inputs
    for name, binding in sorted(bound.items()) if len(bound) > 1 else bound.items():
        if type(binding) is StepRef and not binding.path:  # by far the most common, and isinstance is slow on models
            parts.append(f"{name}=s{parents[binding.step]}{_WHOLE}")
        else:
            parts.append(f"{name}={_bound(binding, parents, inputs)}")
    if step.writes:
        parts.append(f"$writes={canonical_json(step.writes)}")
    if step.compact is not None:
        parts.append(f"$compact={canonical_json(step.compact.model_dump())}")
    if step.mailbox is not None:  # what it hears does not follow from its inputs, so it is the work of no other step
        parts.append(f"$mailbox={step.id}")
    return parts


def work_keys(
    steps: Iterable[tuple[Step, str]],
    inputs: InputDigests,
    finished: Mapping[StepId, WorkKey] | None = None,
    repeats: Mapping[WorkKey, Ranges] | None = None,
) -> dict[StepId, WorkKey]:
    """Keys of (step, agent identity) pairs given in topological order; unique within the call.

    Args:
        steps: the pairs.
        inputs: digests of the task's inputs.
        finished: the keys of steps that are known to have them, whatever they are bound to now.
        repeats: the numbers of like steps outside these: the key of the first such step -> the numbers.
    """
    keys: dict[StepId, WorkKey] = dict(finished or {})
    # Like steps of this call get different numbers, so only the keys of finished steps can be taken.
    taken, given, seen = repeats or {}, set(keys.values()), dict[WorkKey, int]()
    heads, firsts = dict[tuple[str, str], bytes](), dict[bytes, WorkKey]()
    for step, identity in steps:
        step_id, kind = step.id, (step.capability, identity)
        if step_id in keys:
            continue
        if (head := heads.get(kind)) is None:
            head = heads[kind] = _head(*kind)
        parts = framed(_bound_parts(step, keys, inputs))
        if (first := firsts.get(work := head + parts)) is None:
            first, count = WorkKey(digest_of(work)), 0
            firsts[work] = first
            if first not in given and first not in taken:  # as most are
                keys[step_id] = first
                continue
        else:
            count = seen.get(first, 1)
        key = None
        while key is None or key in given:
            number = nth_free(count, taken[first]) if first in taken else count
            count += 1
            key = WorkKey(digest_of(_head(*kind, number) + parts)) if number else first
        seen[first] = count
        keys[step_id] = key
    return keys


def _bound(binding: Binding, parents: Mapping[StepId, WorkKey], inputs: InputDigests) -> str:
    def of_leaf(leaf: Leaf) -> str:
        match leaf:
            case Value(value=value):
                return "v" + value_digest(value)
            case InputRef():
                return "v" + inputs.of(leaf)
            case StepRef(step=step, path=path):
                return "s" + parents[step] + (canonical_json(path) if path else _WHOLE)
            case _:
                raise ValueError("unroll a for_each before computing work keys of its steps")

    def of_object(parts: dict[str, str]) -> str:
        return "o" + digest(*(canonical_json([name, parts[name]]) for name in sorted(parts)))

    def of_expression(computed: Computed, reads: dict[str, str]) -> str:
        text, names = used_reads(computed.cel, tuple(reads))  # the same whatever the steps are called
        return "x" + digest(text, canonical_json(computed.path), *(reads[name] for name in names))

    return fold_binding(binding, of_leaf, lambda parts: "g" + digest(*parts), of_object, of_expression)
