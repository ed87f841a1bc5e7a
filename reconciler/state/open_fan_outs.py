"""A fan-out that is not complete: what has become of its elements, and when it is complete, and why. Pure.

Where several reasons apply at the same instant, the first of these counts: too many failures, all elements have ended,
enough have succeeded, the time is over.
"""

from bisect import bisect_right
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from planners.model import StepId
from planners.workflow import FanOut
from reconciler.state.fan_out_ends import MISSING, Completion, CompletionReason, ElementStatus

_MOST_NAMED = 100


@dataclass(slots=True)
class ElementState:
    """One element: how many of its steps have not ended, and whether it takes one of the places of its fan-out."""

    left: int
    status: ElementStatus = ElementStatus.OPEN
    admitted: bool = False


@dataclass(slots=True)
class OpenFanOut:
    """A fan-out that is not complete.

    ``unplanned``: the elements of which nothing is left but pending nodes, so that a plan may end them.
    ``ended_first``: those that had ended when the plan came, in order.
    """

    spec: FanOut
    elements: list[ElementState]
    counts: dict[ElementStatus, int] = field(default_factory=lambda: dict.fromkeys(ElementStatus, 0))
    unplanned: set[int] = field(default_factory=set)
    ended_first: list[int] = field(default_factory=list)
    admitted: int = 0
    held: list[int] = field(default_factory=list)
    held_steps: dict[int, list[StepId]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many elements it has."""
        return len(self.elements)

    @property
    def ended(self) -> int:
        """How many elements have ended."""
        return len(self.elements) - self.counts[ElementStatus.OPEN]

    @property
    def is_quorum(self) -> bool:
        """Whether it may be complete before all its elements have ended, so that it goes on without the others."""
        return self.spec.policy.min_successful is not None or self.spec.policy.complete_when is not None

    @property
    def is_unreachable(self) -> bool:
        """Whether it has failed as soon as a plan holds it: it needs results and has no elements."""
        return not self.elements and bool(self.spec.policy.least_successful(0))

    def numbers(self, status: ElementStatus) -> tuple[int, ...]:
        """The elements with this status, in order."""
        return tuple(number for number, element in enumerate(self.elements) if element.status is status)

    def completion(
        self, end: tuple[CompletionReason, bool], at_s: float, why: Mapping[int, str], kept: Collection[int] | None
    ) -> Completion:
        """How it has ended.

        Args:
            end: the reason, and whether it has succeeded.
            at_s: when.
            why: of the elements that failed.
            kept: those whose results count; by default all that have succeeded.
        """
        counted = frozenset(self.numbers(ElementStatus.SUCCEEDED) if kept is None else kept)
        without = [number for number in range(self.total) if number not in counted]
        told = {number: why.get(number) or self._missing(number) for number in without[:_MOST_NAMED]}
        reason, succeeded = end
        return Completion(
            fan_out=self.spec.id,
            succeeded=succeeded,
            reason=reason,
            at_s=at_s,
            total=self.total,
            results=len(counted),
            missing=told,
        )

    def _missing(self, number: int) -> str:
        status = self.elements[number].status
        goes_on = status is ElementStatus.OPEN and number in self.spec.watched
        return self.named(number, "it had not ended" if goes_on else MISSING[status])

    def named(self, number: int, told: str) -> str:
        """What is told of an element, with the name that it has if it is a node."""
        return f"'{self.spec.joins[number]}': {told}" if self.spec.joins else told

    def completed(self, *, timed_out: bool) -> tuple[CompletionReason, bool] | None:
        """Why it is complete and whether it has succeeded; None if it is not complete."""
        policy, total = self.spec.policy, self.total
        results, failed = self.counts[ElementStatus.SUCCEEDED], self.counts[ElementStatus.FAILED]
        least = policy.least_successful(total)
        without = failed + self.counts[ElementStatus.SKIPPED]
        if failed > policy.most_failed(total) or (least is not None and total - without < least):
            return CompletionReason.FAILURE_TOLERANCE_EXCEEDED, False
        if results + without == total:
            return CompletionReason.ALL_COMPLETED, True
        if least is not None and results >= least:
            return CompletionReason.MIN_SUCCESSFUL_REACHED, True
        if timed_out:
            return CompletionReason.TIMED_OUT, results >= (1 if least is None else least)
        return None

    @property
    def is_full(self) -> bool:
        """Whether as many elements are worked on as may be."""
        most = self.spec.policy.max_concurrency
        return most is not None and self.admitted >= most

    def is_preceded(self, number: int) -> bool:
        """Whether the elements before one may need all places. They begin in order: none behind it has ended since."""
        most = self.spec.policy.max_concurrency
        if most is None or self.elements[number].admitted:
            return False
        behind = len(self.ended_first) - bisect_right(self.ended_first, number)
        return number - (self.ended - behind) >= most
