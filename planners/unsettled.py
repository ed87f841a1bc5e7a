"""Steps that may still fail a block whose output is there already.

A ``try``, a node with ``on_failure``, or a fan-out whose elements may fail gives its output only once all its steps
have ended: until then, one of them may fail, and something else stands in for the output.
"""

from collections.abc import Callable, Container, Iterable, Sequence

from planners.bindings import StepRef, leaves
from planners.model import StepId
from planners.scopes import Meaning, NotRun
from planners.workflow import Step

MOST_AFTER = 64


def last_steps(steps: Sequence[Step], ended: Callable[[StepId], bool]) -> list[StepId]:
    """Of the steps of a block, those that no other one follows and that are not known to have ended."""
    followed = {parent for step in steps for parent in step.parents}
    return [step.id for step in steps if step.id not in followed and not ended(step.id)]


class UnsettledBlocks:
    """For each step of such a block, the last steps of the block. Blocks inside others come first."""

    def __init__(self) -> None:
        self._of: dict[StepId, list[tuple[StepId, ...]]] = {}
        self._awaited: set[int] = set()

    def add(self, steps: Iterable[StepId], last: tuple[StepId, ...]) -> None:
        """A block is unrolled; whatever reads one of these steps from now on is outside."""
        for step in steps:
            self._of.setdefault(step, []).append(last)

    def of(self, read: Iterable[StepId]) -> list[tuple[StepId, ...]]:
        """The last steps of each block that one of these steps is in."""
        if not self._of:
            return []
        return list({id(last): last for step in read for last in self._of.get(step, ())}.values())

    def awaited(self, read: Iterable[StepId]) -> list[StepId]:
        """The steps that must have ended before the outputs of these steps count."""
        return [step for last in self.of(read) for step in last]

    def order(self, read: Sequence[StepId]) -> tuple[StepId, ...] | None:
        """The steps that a reader of these steps must be ``after`` as well; None: so many that it is pending."""
        blocks, among = self.of(read), frozenset(read)
        if any(len(last) - len(read) > MOST_AFTER for last in blocks):
            return None
        return tuple(dict.fromkeys(step for last in blocks for step in last if step not in among))

    def once(self, read: Iterable[StepId]) -> list[StepId]:
        """Like `awaited`, without the blocks of which it has told before: that one node waits for them is enough."""
        fresh = [last for last in self.of(read) if id(last) not in self._awaited]
        self._awaited.update(map(id, fresh))
        return [step for last in fresh for step in last]

    @staticmethod
    def tells(meaning: Meaning, steps: Container[StepId]) -> bool:
        """Whether whatever reads this also reads one of these steps, and so waits for their block."""
        if isinstance(meaning, NotRun | None):
            return False
        read = list(leaves(meaning))
        return bool(read) and all(isinstance(leaf, StepRef) and leaf.step in steps for leaf in read)
