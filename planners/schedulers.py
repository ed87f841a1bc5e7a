"""The schedulers that planners are composed of. `planners.scheduling` implements them."""

from typing import Protocol

from planners.costs import CostModel
from planners.plans import Plan
from planners.requests import PlanRequest
from planners.scheduling.cancellation import CancellationToken
from planners.workflow import FlatWorkflow


class ListScheduler(Protocol):
    """A scheduler that answers in milliseconds."""

    def __call__(self, flat: FlatWorkflow, request: PlanRequest, costs: CostModel) -> Plan:
        """A good plan.

        Raises:
            Infeasible: certainly no plan exists.
        """
        ...


class Solver(Protocol):
    """A scheduler that answers in seconds, with the best plan found within its time limit."""

    def __call__(  # noqa: PLR0913 -- the signature of planners.scheduling.cp_sat.solver.schedule
        self,
        flat: FlatWorkflow,
        request: PlanRequest,
        costs: CostModel,
        *,
        time_limit_s: float,
        workers: int = 1,
        hint: Plan | None = None,
        cancellation: CancellationToken | None = None,
    ) -> Plan:
        """The best plan, with its bound and gap. Soon after a cancellation, the best plan found so far.

        Raises:
            Infeasible: no plan keeps to the task's limits.
        """
        ...
