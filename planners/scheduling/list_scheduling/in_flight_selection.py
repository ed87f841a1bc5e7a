"""Choose the attempts in flight that a list schedule continues, before it places anything else.

An attempt is the work of its step only if its data parents are the attempts whose outputs it read, and if earlier
identical steps use the same agent. So continuing one may require continuing others, and may restrict the modes of steps
that are still to be placed.
"""

from collections.abc import Iterable

from planners.scheduling.list_scheduling.partial_schedule import PartialSchedule
from planners.scheduling.problem.modes import ExecutionMode

# Step -> the modes it may still use.
Restrictions = dict[int, frozenset[int]]


def keep_in_flight(partial: PartialSchedule) -> Restrictions:
    """Place the attempts that continue; return the restrictions they impose on steps that are not placed.

    An attempt that its step must use continues even if reservations leave it no capacity now. Others continue if they
    start at once and end no later than a new attempt would, or if the budget does not suffice without them.
    """
    selection = _Selection(partial)
    for step in range(len(partial.problem.steps)):
        selection.decide(step)
    return selection.restrictions


class _Selection:
    def __init__(self, partial: PartialSchedule) -> None:
        self.restrictions: Restrictions = {}
        self._partial, self._problem = partial, partial.problem
        problem = self._problem
        least = problem.new_attempt_usd[0].tolist()
        # What remains of the budget if every step is a new attempt.
        self._spare_usd = float("inf") if problem.budget_usd is None else problem.budget_usd - sum(least)

    def decide(self, step: int) -> None:
        """Continue the best attempt of this step, if one is worth it."""
        modes, forced = self._problem.modes[step], self._problem.forced_in_flight.get(step)
        running = [index for index, mode in enumerate(modes) if mode.in_flight]
        running.sort(key=lambda i: (i != forced, -self._problem.in_flight_savings[step][i], modes[i].duration, i))
        for index in running:
            mode = modes[index]
            restrictions = self._restrictions_of(mode)
            if restrictions is None:
                continue
            node = self._problem.groups[mode.group].nodes[0]
            start = self._partial.earliest_on(node, 0, mode)
            extra_usd = self._extra(step, mode, restrictions, usd=True)
            if index == forced or (start == 0 and self._is_worth(step, index, restrictions, extra_usd)):
                self._partial.place(step, index, node, start)
                self.restrictions |= restrictions
                self._spare_usd -= extra_usd
                return

    def _restrictions_of(self, mode: ExecutionMode) -> Restrictions | None:
        """What this mode requires of steps that are not placed; None if its requirements cannot hold any more."""
        required: Restrictions = {}
        for other, allowed in mode.requires:
            if self._partial.mode[other] >= 0:
                if self._partial.mode[other] not in allowed:
                    return None
                continue
            modes = self._problem.modes[other]
            left = frozenset(i for i in allowed & self._allowed(other) if not modes[i].in_flight)
            if not left:
                return None
            required[other] = left
        return required

    def _is_worth(self, step: int, index: int, restrictions: Restrictions, extra_usd: float) -> bool:
        """Whether to continue rather than to start a new attempt, which later attempts may require."""
        if all(one.in_flight for one in self._problem.modes[step]):
            return True
        if self._problem.needs_in_flight and extra_usd <= 0:
            new = (
                self._problem.in_flight_savings[step][i]
                for i in self._allowed(step)
                if not self._problem.modes[step][i].in_flight
            )
            return self._problem.in_flight_savings[step][index] >= max(new)
        mode = self._problem.modes[step][index]
        return extra_usd <= max(0.0, self._spare_usd) and self._extra(step, mode, restrictions, usd=False) <= 0

    def _extra(self, step: int, mode: ExecutionMode, restrictions: Restrictions, *, usd: bool) -> float:
        """The dollars or quanta that continuing costs more than new attempts, at the least of all steps concerned."""
        extra = (mode.usd if usd else mode.duration) - self._least(step, self._allowed(step), usd=usd)
        for other, left in restrictions.items():
            extra += self._least(other, left, usd=usd) - self._least(other, self._allowed(other), usd=usd)
        return extra

    def _allowed(self, step: int) -> frozenset[int]:
        return self.restrictions.get(step) or frozenset(range(len(self._problem.modes[step])))

    def _least(self, step: int, indices: Iterable[int], *, usd: bool) -> float:
        modes = self._problem.modes[step]
        new = [modes[i] for i in indices if not modes[i].in_flight or modes[0].in_flight]
        return min(mode.usd if usd else mode.duration for mode in new)
