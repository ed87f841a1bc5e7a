"""An optimal plan that still streams: the agents its prefixes chose, and the steps that have started since."""

from collections.abc import Callable

from planners.model import AgentName, StepId
from planners.plans import Plan, PlanKind, PlannedStep
from planners.requests import InFlight, PlanRequest
from planners.tasks import Mode
from planners.workflow import FlatWorkflow


class StreamingPlan:
    """The prefixes of one plan so far. ``pins``: the agents of their steps; ``last``: the last prefix."""

    def __init__(self, request: PlanRequest, clock: Callable[[], float]) -> None:
        self._request = request
        self._clock = clock
        self._requested_s = clock()
        self._starts_s: dict[StepId, float] = {}
        self.pins: dict[StepId, AgentName] = {}
        self.last: Plan | None = None

    @property
    def _now_s(self) -> float:
        return max(0.0, self._clock() - self._requested_s)

    def is_new(self, flat: FlatWorkflow) -> bool:
        """Whether there are steps that no prefix has held yet."""
        return any(step.id not in self.pins for step in flat.steps)

    def pinned(self, flat: FlatWorkflow, *, only_irreversible: bool = False) -> FlatWorkflow:
        """The workflow with the agents that prefixes chose. `prefix` and `complete` remove these pins again."""
        agents = {
            step: agent for step, agent in self.pins.items() if not only_irreversible or self._is_irreversible(agent)
        }
        steps = tuple(
            step.model_copy(update={"agent": agents[step.id]}) if step.id in agents else step for step in flat.steps
        )
        return flat.model_copy(update={"steps": steps})

    def request(self, hint: Plan | None) -> PlanRequest:
        """The request as of now: steps of the last prefix that should have started are in flight and paid for."""
        real = {flight.work_key for flight in self._request.in_flight}
        started = [self._flight(planned) for planned in (self.last.steps if self.last is not None else ())]
        assumed = [flight for flight in started if flight is not None and flight.work_key not in real]
        prices = ((self._request.catalog.by_name[flight.agent].price, flight.elapsed_s) for flight in assumed)
        return self._request.model_copy(
            update={
                "in_flight": (*self._request.in_flight, *assumed),
                "spent_usd": self._request.spent_usd + sum(price.of(elapsed_s) for price, elapsed_s in prices),
                "hint": hint or self._request.hint,
            }
        )

    def prefix(self, plan: Plan, flat: FlatWorkflow) -> Plan:
        """A prefix of the optimal plan; its agents become pins."""
        self.last = self._optimal(plan, flat, complete=False)
        self.pins |= {planned.id: planned.placement.agent for planned in plan.steps}
        now_s = self._now_s
        for planned in plan.steps:
            if self._starts_s.get(planned.id, now_s) >= now_s:
                self._starts_s[planned.id] = now_s + planned.placement.start_s
        return self.last

    def complete(self, plan: Plan, flat: FlatWorkflow) -> Plan:
        """The complete optimal plan."""
        return self._optimal(plan, flat, complete=True)

    def _optimal(self, plan: Plan, flat: FlatWorkflow, *, complete: bool) -> Plan:
        steps = tuple(planned.model_copy(update={"step": flat.by_id[planned.id]}) for planned in plan.steps)
        return plan.model_copy(
            update={
                "kind": PlanKind.OPTIMAL,
                "steps": steps,
                "outputs": flat.outputs,
                "complete": complete,
                "planning_s": self._now_s,
            }
        )

    def _flight(self, planned: PlannedStep) -> InFlight | None:
        starts_s, now_s = self._starts_s[planned.id], self._now_s
        if starts_s > now_s or self._request.task.planning.mode is Mode.WAIT:
            return None
        return InFlight(
            work_key=planned.work_key,
            agent=planned.placement.agent,
            node=planned.placement.node,
            elapsed_s=min(now_s - starts_s, planned.placement.duration_s),
            finished=now_s >= starts_s + planned.placement.duration_s,
        )

    def _is_irreversible(self, agent: AgentName) -> bool:
        spec = self._request.catalog.by_name.get(agent)
        return spec is not None and not spec.may_speculate
