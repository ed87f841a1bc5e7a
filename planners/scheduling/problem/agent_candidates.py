"""Find the agents that may execute a step: same capability, sufficient quality, accepted inputs."""

from planners.agents import AgentSpec
from planners.eligibility import Eligibility
from planners.requests import PlanRequest
from planners.workflow import Step


class Candidates:
    """The agents of a request by step. Steps with equal keys have equal candidates."""

    def __init__(self, request: PlanRequest) -> None:
        self._catalog = request.catalog
        self._refused = request.refused
        self._rule = Eligibility.of_task(request.task)
        # The names of a step's inputs only matter where an agent declares an input schema.
        self._with_schema = {agent.capability for agent in request.catalog.agents if agent.input_schema is not None}

    def key(self, step: Step) -> tuple[object, ...]:
        """Everything the candidates of a step depend on."""
        names = tuple(sorted(step.inputs)) if step.capability in self._with_schema else ()
        floor = self._rule.floor(step) if step.min_quality else self._rule.min_quality
        refused = self._refused.get(step.id, ()) if self._refused else ()
        return step.capability, floor, step.agent, names, step.mailbox is None, refused

    def of(self, step: Step) -> list[AgentSpec]:
        """The agents that may execute the step, in catalog order."""
        return self._rule.agents(step, self._catalog)
