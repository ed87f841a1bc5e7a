"""The objective in whole numbers, as CP-SAT wants it."""

from math import floor

from planners.scheduling.problem.problem import Problem

_NANO = 1e9
# All choices together stay below this many units of dollars: far from 2^63, whatever a currency is worth.
_MOST = 1e17
# Objective units a quantum where dollars count too: dollars are told apart to a thousandth of a quantum's worth.
_FINE = 1000
_LARGEST = 1e15


class IntegerObjective:
    """latency_weight * seconds + usd_weight * dollars, in units of ``unit``: exact for time, rounded for dollars."""

    def __init__(self, problem: Problem) -> None:
        weights = problem.objective
        self._per_usd = weights.usd_weight
        most_usd = sum(max(choice.usd for choice in of) for of in problem.choices)
        if weights.latency_weight == 0:
            self.per_quantum = 0
            self.unit = max(weights.usd_weight * most_usd / _NANO, 1e-15)
        elif weights.usd_weight == 0:
            self.per_quantum = 1
            self.unit = weights.latency_weight * problem.quantum_s
        else:
            quantum = weights.latency_weight * problem.quantum_s
            coarse = weights.usd_weight * most_usd / quantum * _FINE > _LARGEST
            self.per_quantum = 1 if coarse else _FINE
            self.unit = quantum / self.per_quantum
        # Every step's dollars may be rounded up by half a unit.
        self._rounding = 0.5 * len(problem.steps) if weights.usd_weight else 0.0
        self._per_dollar = min(_NANO, _MOST / most_usd) if most_usd else _NANO
        self.budget = self._budget(problem, most_usd)

    def _budget(self, problem: Problem, most_usd: float) -> int | None:
        """The budget as `nano_usd` counts; None where no choice of agents can exceed it."""
        if problem.budget_usd is None or problem.budget_usd >= most_usd:
            return None
        return floor(problem.budget_usd * self._per_dollar + len(problem.steps) / 2 + 1)

    def nano_usd(self, usd: float) -> int:
        """Dollars in billionths; coarser where all choices together would come near the largest whole number."""
        return round(usd * self._per_dollar)

    def of_usd(self, usd: float) -> int:
        """What dollars add to the objective."""
        return round(self._per_usd * usd / self.unit)

    def bound(self, units: float) -> float:
        """A lower bound in the units of the task's objective."""
        return max(0.0, (units - self._rounding) * self.unit)
