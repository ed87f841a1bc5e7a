"""What is known of the condition of one fan-out: its results in their order, and how far it was evaluated."""

from dataclasses import dataclass, field
from itertools import islice

from reconciler.state.commands import Source
from reconciler.state.events import QuorumEvaluated


@dataclass(slots=True)
class Quorum:
    """The condition of a fan-out.

    Attributes:
        order: the elements that have succeeded, in the order in which they did.
        evaluated: of how many of the first of them it is known that the condition does not hold.
        asked: of how many that is asked; 0: nothing is.
        answer: it holds, or has no value.
        known: where the results are that were asked about, and their confidences; until the next plan.
        revision: grows when a result is lost that was counted, so that answers to earlier questions mean nothing.
    """

    order: dict[int, None] = field(default_factory=dict)
    evaluated: int = 0
    asked: int = 0
    answer: QuorumEvaluated | None = None
    revision: int = 0
    known: dict[int, tuple[Source, float]] = field(default_factory=dict)

    def first(self, count: int) -> tuple[int, ...]:
        """The elements with the first so many results."""
        return tuple(islice(self.order, count))

    def lose(self, number: int) -> None:
        """The output of an element is gone. It is made again, and counts from then on."""
        if number not in self.order:
            return
        before = list(self.order).index(number)
        del self.order[number]
        self.known.pop(number, None)
        counted = max(self.evaluated, self.asked, 0 if self.answer is None else self.answer.results)
        if before < counted:
            self.evaluated, self.asked, self.answer = min(self.evaluated, before), 0, None
            self.revision += 1
