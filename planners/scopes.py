"""Scopes: what the ids that a node may refer to stand for once the workflow is unrolled, and substituting them."""

from collections.abc import Iterable
from dataclasses import dataclass

from planners.bindings import (
    CONTEXT_PART,
    HANDOFF_PART,
    Binding,
    Composed,
    Computed,
    ContextRef,
    Gather,
    InputRef,
    ItemRef,
    Leaf,
    Path,
    StateRef,
    StepRef,
    Value,
    follow,
    kind_of,
    map_binding,
    shorthand,
    step_refs,
)
from planners.context_keys import ALL_KEYS, read_by
from planners.errors import InvalidTask
from planners.expressions.reads import whole_read
from planners.model import StepId, unchecked


@dataclass(frozen=True, slots=True)
class NotRun:
    """Stands for a node that is skipped and declares no default. ``failed``: because it failed."""

    reason: str
    failed: bool = False


# What a node stands for: a binding, nothing because it is skipped, or nothing yet.
Meaning = Binding | NotRun | None
# What a node reads in place of an output that is missing where it joins others. All parts of it are null, too.
ABSENT = Value(value=None)
_PART_OF_STEP, _PART_OF_INPUT = frozenset({"step", "path"}), frozenset({"input", "path"})


class NodeScope(dict[StepId, Meaning]):
    """What each visible id stands for; None: not unrolled yet.

    Args:
        outer: the scope of the level around, if there is one.
        item: what ``$item`` stands for. By default as in the level around.
        state: what each part of ``$state`` stands for. By default as in the level around.
        inputs: what the inputs of a workflow inside another stand for. By default as in the level around.
        after: flat steps that all steps of the level wait for, besides those of the level around.
    """

    def __init__(
        self,
        outer: "NodeScope | None" = None,
        *,
        item: Binding | None = None,
        state: dict[str, Binding] | None = None,
        inputs: dict[str, Binding] | None = None,
        after: Iterable[StepId] = (),
    ) -> None:
        super().__init__()
        self._outer = outer
        # Of each for_each of this level, the list of the outputs of each step directly inside; None: not all unrolled.
        self.lists: dict[StepId, dict[StepId, Gather | None]] = {}
        self.item: Binding | None = outer.item if item is None and outer is not None else item
        self.state: dict[str, Binding] | None = outer.state if state is None and outer is not None else state
        around = {} if outer is None else outer.inputs
        self.inputs: dict[str, Binding] = around if inputs is None else inputs
        # The versions of the keys that the nodes of this level have written so far; None: not unrolled yet.
        self.context: dict[str, Binding | None] = {}
        self._context_around = outer
        self.after: tuple[StepId, ...] = (*(() if outer is None else outer.after), *after)

    def __missing__(self, name: StepId) -> Meaning:
        return None if self._outer is None else self._outer[name]

    def bound(self, name: StepId) -> Binding:
        """What an id stands for that is unrolled and not skipped."""
        binding = self[name]
        assert binding is not None, "a node whose references are pending is pending itself"
        assert not isinstance(binding, NotRun), "a node whose references are skipped is skipped itself"
        return binding

    def is_bound(self, name: StepId) -> bool:
        """Whether an id is unrolled and not skipped."""
        return not isinstance(self[name], NotRun | None)

    def begin_context(self) -> None:
        """The level has a context of its own, and sees nothing of that around."""
        self._context_around = None

    def version(self, key: str) -> Meaning:
        """What a key of the context stands for here."""
        if key in self.context:
            return self.context[key]
        if self._context_around is not None:
            return self._context_around.version(key)
        return NotRun(f"nothing before it has written '{key}' to the context")

    def versions(self, keys: Iterable[str]) -> list[Meaning]:
        """What these keys stand for here; ALL_KEYS are those that are there."""
        return [self.version(one) for key in keys for one in (self.context_keys() if key == ALL_KEYS else (key,))]

    def context_keys(self) -> list[str]:
        """The keys of the context that are there."""
        around = [] if self._context_around is None else self._context_around.context_keys()
        return list(dict.fromkeys((*around, *self.context)))

    def _of_context(self, path: Path) -> Binding:
        """The current version of a key, or a part of it; without a path all keys."""
        if not path:
            return Composed(composed={key: self._of_context((key,)) for key in sorted(self.context_keys())})
        version = self.version(str(path[0]))
        assert version is not None, "a node whose context is pending is pending itself"
        if isinstance(version, NotRun):
            raise LookupError(f"no '{path[0]}'; {version.reason}")  # noqa: TRY004 -- it is no wrong type
        return part_of(version, path[1:])

    def waits(self, ref: StepRef) -> bool:
        """Whether what a reference stands for is not unrolled yet."""
        return self[ref.step] is None or (
            self._is_list(ref) and self._lists_of(ref.step)[StepId(str(ref.path[0]))] is None
        )

    def _is_list(self, ref: StepRef) -> bool:
        """Whether a reference names a step inside a ``for_each``, and so the list of its outputs."""
        return bool(ref.path) and isinstance(ref.path[0], str) and ref.path[0] in self._lists_of(ref.step)

    def _lists_of(self, block: StepId) -> dict[StepId, Gather | None]:
        if block in self or self._outer is None:
            return self.lists.get(block, {})
        return self._outer._lists_of(block)  # noqa: SLF001 -- of the same class

    def can_give(self, binding: Binding) -> bool:
        """Whether all that a binding refers to is unrolled and not skipped."""
        versions = self.versions(read_by([binding], ()))
        bound = all(self.is_bound(ref.step) and not self.waits(ref) for ref in step_refs(binding))
        return bound and not any(isinstance(version, NotRun | None) for version in versions)

    def leaf(self, leaf: Leaf) -> Binding:
        """What a leaf stands for.

        Raises:
            LookupError: there certainly is no such part.
        """
        match leaf:
            case StepRef(step=step, path=(part, *inner)) if part == HANDOFF_PART:
                return map_binding(self.bound(step), lambda of: _of_handoff(of, (part, *inner)))
            case StepRef(step=step, path=path):
                if not self._is_list(leaf):
                    return part_of(self.bound(step), path)
                listed = self._lists_of(step)[StepId(str(path[0]))]
                assert listed is not None, "a node whose references are pending is pending itself"
                return part_of(listed, path[1:])
            case ItemRef(item=path):
                assert self.item is not None, "validation refuses $item outside a for_each"
                return part_of(self.item, path)
            case StateRef(loop_state=path):
                assert self.state is not None, "validation refuses $state outside a loop"
                if not path or str(path[0]) not in self.state:
                    raise LookupError("no such state; write $state.NAME")
                return part_of(self.state[str(path[0])], path[1:])
            case ContextRef(context_key=path):
                return self._of_context(path)
            case InputRef(input=name, path=path) if name in self.inputs:
                return part_of(self.inputs[name], path)
            case _:
                return leaf

    def _read(self, name: str, part: Binding) -> tuple[str, Binding]:
        """What an expression reads: a list of a step inside a ``for_each``, or a whole output."""
        match part:
            case StepRef(step=step, path=(field,)) if field not in (HANDOFF_PART, CONTEXT_PART):
                return (name, part) if self._is_list(part) else (whole_read(name), StepRef(step=step))
            case _:
                return name, part

    def substituted(self, binding: Binding, field: str, step: StepId | None = None) -> Binding:
        """The binding with ids, ``$item`` and ``$state`` replaced by what they stand for.

        Raises:
            InvalidTask: it certainly leads nowhere; the message names ``field`` and ``step``.
        """
        try:
            return map_binding(binding, self.leaf, self._read)
        except LookupError as error:
            whose, where = ("", "") if step is None else (f" of '{step}'", f"steps.{step}.")
            message = f"{field}{whose} reads {told(binding)}, which has {error.args[0]}"
            raise InvalidTask(message, f"workflow.{where}{field}", "bind it to a part that exists") from None


def told(binding: Binding) -> str:
    """A binding in messages."""
    return "its literal" if isinstance(binding, Value) else str(shorthand(binding))


def _of_handoff(leaf: Leaf, path: Path) -> Leaf:
    """What the handoff of a step says besides its output; nothing where a literal stands in for the output."""
    if isinstance(leaf, StepRef):
        return StepRef(step=leaf.step, path=path)
    return Value(value="" if path[-1] == "summary" else 0.0)


def part_of(binding: Binding, path: Path) -> Binding:
    """The part of what a binding stands for. References get a longer path; only literals are copied.

    Raises:
        LookupError: there certainly is no such part.
    """
    if not path or binding is ABSENT:
        return binding
    match binding:
        case StepRef(step=step, path=base):
            return unchecked(StepRef, {"step": step, "path": (*base, *path)}, _PART_OF_STEP)
        case InputRef(input=name, path=base):
            return unchecked(InputRef, {"input": name, "path": (*base, *path)}, _PART_OF_INPUT)
        case ItemRef(item=base):
            return ItemRef(item=(*base, *path))
        case ContextRef(context_key=base):
            return ContextRef(context_key=(*base, *path))
        case StateRef(loop_state=base):
            return StateRef(loop_state=(*base, *path))
        case Value(value=value):
            return Value(value=follow(value, path))
        case Computed(path=base):
            return binding.model_copy(update={"path": (*base, *path)})
    index, *rest = path
    if isinstance(binding, Composed):
        if str(index) not in binding.composed:
            raise LookupError(f"no '{index}' at the top, {kind_of(binding.composed)}")
        return part_of(binding.composed[str(index)], tuple(rest))
    if not isinstance(index, int) or not 0 <= index < len(binding.gather):
        raise LookupError(f"no '{index}' at the top, {kind_of(binding.gather)}")
    return part_of(binding.gather[index], tuple(rest))
