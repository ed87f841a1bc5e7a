"""The incumbent: the best schedule so far, and the bound it is measured against."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from planners.amounts import dollars
from planners.errors import Infeasible
from planners.plans import Plan, PlanKind
from planners.requests import PlanRequest
from planners.scheduling.list_scheduling.conversion import to_plan
from planners.scheduling.list_scheduling.schedule import Schedule, satisfies_limits
from planners.scheduling.list_scheduling.serial import replay
from planners.scheduling.list_scheduling.tie_breaking import PlacementPreference, break_ties
from planners.scheduling.problem.feasibility import raise_late, within_budget
from planners.scheduling.problem.problem import Problem

_TOLERANCE = 1e-9


@dataclass
class Incumbent:
    """The best schedule considered and a lower bound on the objective.

    ``on_improved`` receives the plan of every better schedule. ``fallback`` is the best schedule that breaks a limit:
    the earliest end among those within the budget, else the cheapest.
    """

    problem: Problem
    request: PlanRequest
    on_improved: Callable[[Plan], None] | None = None
    bound: float = 0.0
    best: Schedule | None = None
    fallback: Schedule | None = None

    def consider(self, schedule: Schedule | None, *, report: bool = False) -> bool:
        """Keep a schedule if it satisfies the limits and beats the best one; return whether it was kept."""
        if schedule is None:
            return False
        if not satisfies_limits(self.problem, schedule):
            self.fallback = min((s for s in (self.fallback, schedule) if s), key=self._excess)
            return False
        if self.best is not None and schedule.value >= self.best.value * (1 - _TOLERANCE):
            return False
        self.best = schedule
        if report and self.on_improved is not None:
            self.on_improved(self._plan(schedule))
        return True

    def raise_bound(self, bound: float) -> None:
        """Record that no schedule has a smaller objective."""
        self.bound = max(self.bound, bound)

    @property
    def proven_optimal(self) -> bool:
        """Whether no schedule can be better than the best one."""
        return self.best is not None and self.best.value <= self.bound * (1 + _TOLERANCE)

    @property
    def gap(self) -> float:
        """The relative distance of the best objective from the bound; 1 without a schedule."""
        if self.best is None:
            return 1.0
        value = self.best.value
        gap = (value - self.bound) / value if value > 0 else 0.0
        return gap if gap > _TOLERANCE else 0.0

    def plan(self, preferences: Sequence[PlacementPreference] = ()) -> Plan:
        """The best plan; of equal plans, the one with the better agents, then the one closest to the preferences.

        Raises:
            Infeasible: there is none.
        """
        if self.best is None and not self.problem.steps:
            self.best = replay(self.problem, [], [])
        if self.best is None:
            self.raise_infeasible()
        return self._plan(break_ties(self.problem, self.best, preferences))

    def raise_infeasible(self, *, proven: bool = False) -> NoReturn:
        """Report which limit no plan satisfies.

        Raises:
            Infeasible: always.
        """
        problem, late = self.problem, self.fallback
        budget = "" if problem.budget_usd is None else f" within the budget of {dollars(problem.budget_usd)}"
        verb = "can meet the deadline" if proven else "that meets the deadline was found in the time"
        what = f"no plan{budget} {verb}: the best one ends at"
        if late is not None and problem.deadline is not None and late.makespan > problem.deadline:
            raise_late(problem, self.request, late.makespan, what)
        if late is not None and problem.budget_usd is not None:
            over = dollars(late.usd - problem.budget_usd)
            raise Infeasible(
                f"no plan{budget} was found: the cheapest one found costs {dollars(late.usd)}, {over} more",
                "limits.budget_usd",
                f"raise the budget to at least {dollars(late.usd + self.request.spent_usd, round_up=True)}",
            )
        raise Infeasible("no plan meets budget and deadline together", "limits", "raise the budget or the deadline")

    def _excess(self, schedule: Schedule) -> tuple[bool, float]:
        if within_budget(schedule.usd, self.problem.budget_usd):
            return False, float(schedule.makespan)
        return True, schedule.usd

    def _plan(self, schedule: Schedule) -> Plan:
        plan = to_plan(self.problem, schedule, self.request, PlanKind.OPTIMAL, "cp-sat")
        return plan.model_copy(update={"bound": min(self.bound, schedule.value), "gap": self.gap})
