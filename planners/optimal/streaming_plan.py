"""A plan of authority while it is being made: what its prefixes have said, and what has begun because of that."""

from collections import OrderedDict
from collections.abc import Callable

from planners.model import AgentName, StepId, canonical_json, digest
from planners.optimal.decompose.partial_workflow import PartialWorkflow
from planners.plans import Plan, PlanKind, PlannedStep
from planners.requests import InFlight, PlanRequest
from planners.tasks import Mode
from planners.workflow import FlatWorkflow


class StreamingPlan:
    """What one plan has said so far. ``pins``: the agents of the steps in prefixes; ``last``: the last prefix."""

    def __init__(self, request: PlanRequest, clock: Callable[[], float]) -> None:
        self._request = request
        self._clock = clock
        self._asked_s = clock()
        self._begins_s: dict[StepId, float] = {}
        self.pins: dict[StepId, AgentName] = {}
        self.last: Plan | None = None

    @property
    def _now_s(self) -> float:
        return max(0.0, self._clock() - self._asked_s)

    def grows(self, flat: FlatWorkflow) -> bool:
        """Whether there are steps no prefix has held yet."""
        return any(step.id not in self.pins for step in flat.steps)

    def pinned(self, flat: FlatWorkflow, *, only_irreversible: bool = False) -> FlatWorkflow:
        """The workflow with the agents that prefixes have named. `prefix` and `whole` take the pins off again."""
        agents = {step: agent for step, agent in self.pins.items() if not only_irreversible or self._is_final(agent)}
        steps = tuple(
            step.model_copy(update={"agent": agents[step.id]}) if step.id in agents else step for step in flat.steps
        )
        return flat.model_copy(update={"steps": steps})

    def request(self, hint: Plan | None) -> PlanRequest:
        """The request as it stands now: steps of the last prefix that should have begun are in flight, and paid for."""
        real = {flight.work_key for flight in self._request.in_flight}
        begun = [self._flight(planned) for planned in (self.last.steps if self.last is not None else ())]
        assumed = [flight for flight in begun if flight is not None and flight.work_key not in real]
        prices = ((self._request.catalog.by_name[flight.agent].price, flight.elapsed_s) for flight in assumed)
        return self._request.model_copy(
            update={
                "in_flight": (*self._request.in_flight, *assumed),
                "spent_usd": self._request.spent_usd + sum(price.of(elapsed_s) for price, elapsed_s in prices),
                "hint": hint or self._request.hint,
            }
        )

    def prefix(self, plan: Plan, flat: FlatWorkflow) -> Plan:
        """The plan of a prefix as the authority's word."""
        self.last = self._said(plan, flat, complete=False)
        self.pins |= {planned.id: planned.placement.agent for planned in plan.steps}
        now_s = self._now_s
        for planned in plan.steps:
            if self._begins_s.get(planned.id, now_s) >= now_s:
                self._begins_s[planned.id] = now_s + planned.placement.start_s
        return self.last

    def whole(self, plan: Plan, flat: FlatWorkflow) -> Plan:
        """The whole plan as the authority's word."""
        return self._said(plan, flat, complete=True)

    def _said(self, plan: Plan, flat: FlatWorkflow, *, complete: bool) -> Plan:
        steps = tuple(planned.model_copy(update={"step": flat.by_id[planned.id]}) for planned in plan.steps)
        return plan.model_copy(
            update={
                "kind": PlanKind.OPTIMAL,
                "steps": steps,
                "outputs": flat.outputs if complete else {},
                "complete": complete,
                "planning_s": self._now_s,
            }
        )

    def _flight(self, planned: PlannedStep) -> InFlight | None:
        begins_s, now_s = self._begins_s[planned.id], self._now_s
        if begins_s > now_s or self._request.task.planning.mode is Mode.WAIT:
            return None
        return InFlight(
            work_key=planned.work_key,
            agent=planned.placement.agent,
            node=planned.placement.node,
            elapsed_s=min(now_s - begins_s, planned.placement.duration_s),
            finished=now_s >= begins_s + planned.placement.duration_s,
        )

    def _is_final(self, agent: AgentName) -> bool:
        spec = self._request.catalog.by_name.get(agent)
        return spec is not None and not spec.may_speculate


class DecompositionCache:
    """The last decompositions, by task: a later epoch schedules the same steps again and asks no LLM."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[str, PartialWorkflow] = OrderedDict()

    def keep(self, request: PlanRequest, weave: PartialWorkflow) -> None:
        """Remember a finished weave."""
        if weave.goals:
            self._kept[_key(request)] = weave
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)

    def recall(self, request: PlanRequest) -> PartialWorkflow | None:
        """What an earlier epoch of this task was made of: told by the request's hint if that is an authority's plan."""
        if request.epoch <= 1:
            return None
        hint = request.hint
        if request.task.goal is not None and hint is not None and hint.kind is PlanKind.OPTIMAL and hint.complete:
            return PartialWorkflow.of_plan(request.task, hint)
        return self._kept.get(_key(request))


def _key(request: PlanRequest) -> str:
    return digest(canonical_json(request.task.model_dump(mode="json", exclude={"name"})))
