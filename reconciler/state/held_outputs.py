"""Staged outputs of confirmed attempts: they are promoted once no plan that is coming may do without their steps."""

from dataclasses import dataclass, field

from planners.model import AttemptId


@dataclass(slots=True)
class HeldOutputs:
    """Attempts whose staged outputs are not promoted yet, in the order in which they have finished.

    Attributes:
        new: those that were not looked at since the last plan arrived.
        waiting: those that a plan which is coming decides about.
    """

    new: dict[AttemptId, None] = field(default_factory=dict)
    waiting: dict[AttemptId, None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.new or self.waiting)

    @property
    def attempts(self) -> list[AttemptId]:
        """All of them."""
        return [*self.waiting, *self.new]

    def look_again(self) -> None:
        """A plan has arrived, or none is coming."""
        self.waiting, self.new = {}, {**self.waiting, **self.new}
