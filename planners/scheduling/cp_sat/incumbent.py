"""The best schedule so far, and the bound it is measured by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from planners.errors import Infeasible
from planners.plans import Plan, PlanKind
from planners.requests import PlanRequest
from planners.scheduling.list_scheduling.conversion import plan_of
from planners.scheduling.list_scheduling.partial_schedule import Schedule, affordable
from planners.scheduling.list_scheduling.serial import replay
from planners.scheduling.list_scheduling.tie_breaking import Wish, polished
from planners.scheduling.problem.feasibility import refuse_late, within
from planners.scheduling.problem.problem import Problem

_SAME = 1e-9


@dataclass
class Incumbent:
    """The best of all schedules considered, a lower bound on the objective, and who is told of better ones."""

    problem: Problem
    request: PlanRequest
    on_improved: Callable[[Plan], None] | None = None
    bound: float = 0.0
    best: Schedule | None = None
    # The one that ends soonest of those that break a limit; rather a late one than one that costs too much.
    fallback: Schedule | None = None

    def consider(self, found: Schedule | None, *, tell: bool = False) -> bool:
        """Take a schedule if it keeps to the limits and beats the best so far; whether it was taken."""
        if found is None:
            return False
        if not affordable(self.problem, found):
            self.fallback = min((s for s in (self.fallback, found) if s), key=self._excess)
            return False
        if self.best is not None and found.value >= self.best.value * (1 - _SAME):
            return False
        self.best = found
        if tell and self.on_improved is not None:
            self.on_improved(self._plan(found))
        return True

    def raise_bound(self, bound: float) -> None:
        """No schedule is better than this."""
        self.bound = max(self.bound, bound)

    @property
    def proven(self) -> bool:
        """Whether nothing can be better than the best."""
        return self.best is not None and self.best.value <= self.bound * (1 + _SAME)

    @property
    def gap(self) -> float:
        """How far the best may be from the optimum, as a share of its value; 1 where there is none."""
        if self.best is None:
            return 1.0
        value = self.best.value
        gap = (value - self.bound) / value if value > 0 else 0.0
        return gap if gap > _SAME else 0.0

    def plan(self, wishes: Sequence[Wish] = ()) -> Plan:
        """The best plan; of equal ones that with the better agents, then the nearest to the wishes.

        Raises:
            Infeasible: there is none.
        """
        if self.best is None and not self.problem.steps:
            self.best = replay(self.problem, [], [])
        if self.best is None:
            self.refuse()
        return self._plan(polished(self.problem, self.best, wishes))

    def refuse(self, *, proven: bool = False) -> NoReturn:
        """Say which limit no plan keeps to.

        Raises:
            Infeasible: always.
        """
        problem, late = self.problem, self.fallback
        budget = "" if problem.budget_usd is None else f" within the budget of {problem.budget_usd:.6g} USD"
        told = "can meet the deadline" if proven else "that meets the deadline was found in the time"
        what = f"no plan{budget} {told}: the best one ends at"
        if late is not None and problem.deadline is not None and late.makespan > problem.deadline:
            refuse_late(problem, self.request, late.makespan, what)
        if late is not None and problem.budget_usd is not None:
            cost = f"the cheapest one found costs {late.usd:.6g} USD, {late.usd - problem.budget_usd:.6g} USD more"
            raise Infeasible(
                f"no plan{budget} was found: {cost}",
                "limits.budget_usd",
                f"raise the budget to at least {late.usd + self.request.spent_usd:.6g}",
            )
        raise Infeasible("no plan keeps to budget and deadline together", "limits", "raise the budget or the deadline")

    def _excess(self, found: Schedule) -> tuple[bool, float]:
        if within(found.usd, self.problem.budget_usd):
            return False, float(found.makespan)
        return True, found.usd

    def _plan(self, schedule: Schedule) -> Plan:
        plan = plan_of(self.problem, schedule, self.request, PlanKind.OPTIMAL, "cp-sat")
        return plan.model_copy(update={"bound": min(self.bound, schedule.value), "gap": self.gap})
