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
        self._declares_inputs: dict[str, bool] = {}

    def key(self, step: Step) -> tuple[object, ...]:
        """Everything the candidates of a step depend on."""
        capability = step.capability
        if (matter := self._declares_inputs.get(capability)) is None:
            matter = self._names_matter(capability)
        names = tuple(sorted(step.inputs)) if matter else ()
        floor = self._rule.floor(step) if step.min_quality else self._rule.min_quality
        refused = self._refused.get(step.id, ()) if self._refused else ()
        return capability, floor, step.agent, names, step.mailbox is None, refused

    def of(self, step: Step) -> list[AgentSpec]:
        """The agents that may execute the step, in catalog order."""
        return self._rule.agents(step, self._catalog)

    def _names_matter(self, capability: str) -> bool:
        """Whether an agent declares an input schema: the names of a step's inputs matter only there."""
        agents = self._catalog.by_capability.get(capability, ())
        found = self._declares_inputs[capability] = any(agent.input_schema is not None for agent in agents)
        return found
