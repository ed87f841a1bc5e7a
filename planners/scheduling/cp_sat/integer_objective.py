"""The objective in integers, as CP-SAT needs it."""

from math import floor

from planners.scheduling.problem.problem import Problem

_NANO = 1e9
# The cost of all modes together stays below this many units, far from 2^63, in any currency.
_MAX_COST = 1e17
# Objective units a quantum where dollars count too: costs are resolved to a thousandth of a quantum's value, unless the
# cost of all modes together would exceed the largest number of units.
_FINE = 1000
_LARGEST = 1e15


class IntegerObjective:
    """latency_weight * seconds + usd_weight * usd, in units of ``unit``: exact for time, rounded for dollars.

    Time that weighs less than any resolvable cost does not count.
    """

    def __init__(self, problem: Problem) -> None:
        weights = problem.objective
        self._per_usd = weights.usd_weight
        max_usd = sum(max(mode.usd for mode in modes) for modes in problem.modes)
        if weights.latency_weight == 0:
            self.per_quantum = 0
            self.unit = max(weights.usd_weight * max_usd / _NANO, 1e-15)
        elif weights.usd_weight == 0:
            self.per_quantum = 1
            self.unit = weights.latency_weight * problem.quantum_s
        else:
            quantum = weights.latency_weight * problem.quantum_s
            coarsest = weights.usd_weight * max_usd / _LARGEST
            self.per_quantum = _FINE if quantum >= _FINE * coarsest else floor(quantum / coarsest)
            self.unit = quantum / self.per_quantum if self.per_quantum else coarsest
        # The cost of every step may be rounded up by half a unit.
        self._rounding = 0.5 * len(problem.steps) if weights.usd_weight else 0.0
        self._per_dollar = min(_NANO, _MAX_COST / max_usd) if max_usd else _NANO
        self.budget = self._budget(problem, max_usd)

    def _budget(self, problem: Problem, max_usd: float) -> int | None:
        """The budget in `cost_units`; None where no choice of modes can exceed it."""
        if problem.budget_usd is None or problem.budget_usd >= max_usd:
            return None
        return floor(problem.budget_usd * self._per_dollar + len(problem.steps) / 2 + 1)

    def cost_units(self, usd: float) -> int:
        """Dollars in billionths, for the budget; coarser where the sum would approach the largest integer."""
        return round(usd * self._per_dollar)

    def objective_units(self, usd: float) -> int:
        """What a cost adds to the objective."""
        return round(self._per_usd * usd / self.unit)

    def bound(self, units: float) -> float:
        """Convert a lower bound to the units of the task's objective."""
        return max(0.0, (units - self._rounding) * self.unit)
