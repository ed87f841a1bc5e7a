"""The reads of an expression that makes a value: what it reads, by name, and the CEL text in which these are variables.

A name is a reference as it is written: ``$inputs.amount``, ``$state.draft``, ``$steps.search``. Of an output the first
field belongs to the name (``$steps.search.hits``): it may be a step inside a ``for_each``, whose list is read. Where it
is not, the whole output is read, under ``$steps.search``, because a field may be missing where nothing needs it. The
names stay as they are when steps are copied or renamed; only what they stand for changes.
"""

from collections.abc import Collection
from functools import lru_cache

from planners.expressions.references import HANDOFF, Reference, parsed, written
from planners.leaves import OF_HANDOFFS, Root, StepRef


@lru_cache(maxsize=4096)
def _declared(text: str) -> tuple[tuple[str, Root], ...]:
    references = parsed(text).references
    tested = {reference.root for reference in references if reference.guarded}
    found: dict[str, Root] = {}
    for reference in references:
        name, root = _read(reference, whole=reference.root in tested)
        found[name] = root
    if not found:
        raise ValueError("the expression reads nothing; refer to $steps.ID or $inputs.NAME, or write the value itself")
    return tuple(found.items())


def declared_reads(text: str) -> dict[str, Root]:
    """What an expression reads as it is declared.

    Raises:
        ValueError: a ``$`` begins no reference, or one that an input cannot read.
    """
    return dict(_declared(text))


def _read(reference: Reference, *, whole: bool) -> tuple[str, Root]:
    root, fields = reference.root, reference.certain
    if not isinstance(root, StepRef):
        return written(root), root
    if root.step.startswith("$"):
        raise ValueError(f"{root.step} is known to a check only; refer to $steps.ID")
    if root.path == HANDOFF:
        if not fields or fields[0] not in OF_HANDOFFS:
            raise ValueError(f"of a handoff, inputs read {' and '.join(OF_HANDOFFS)}; write {written(root)}.confidence")
        return f"{written(root)}.{fields[0]}", StepRef(step=root.step, path=(*HANDOFF, fields[0]))
    if whole or not fields:
        return written(root), root
    return f"{written(root)}.{fields[0]}", StepRef(step=root.step, path=fields[:1])


def whole_read(name: str) -> str:
    """The name under which the whole output is read of which ``name`` reads a field."""
    return name.rpartition(".")[0]


def read_of(reference: Reference, names: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """The name under which a reference is read, and the fields that follow it.

    Raises:
        ValueError: none of the names.
    """
    root, fields = written(reference.root), reference.fields
    if reference.certain and (longer := f"{root}.{fields[0]}") in names:
        return longer, fields[1:]
    if root not in names:
        raise ValueError(f"the expression reads {root}, and its reads do not say what that is")
    return root, fields


@lru_cache(maxsize=4096)
def used_reads(text: str, names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The CEL text with variables ``ref_0``, ``ref_1``, ..., and the names that these stand for.

    Raises:
        ValueError: it reads something else than these names.
    """
    expression, numbers = parsed(text), dict[str, int]()

    def variable(reference: Reference) -> str:
        name, fields = read_of(reference, names)
        number = numbers.setdefault(name, len(numbers))
        return ".".join([f"ref_{number}", *fields])

    return expression.rendered(variable), tuple(numbers)
