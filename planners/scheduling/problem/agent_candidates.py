"""Which agents may do a step: those that offer its capability, are good enough, and take its inputs."""

from planners.agents import AgentSpec
from planners.requests import PlanRequest
from planners.scheduling.problem.feasibility import step_quality
from planners.validation.offers import accepts
from planners.workflow import Step


class Candidates:
    """The agents of a request by step; steps of one key have the same."""

    def __init__(self, request: PlanRequest) -> None:
        self._request = request
        # Only where an agent declares what it takes do the names of a step's inputs matter.
        self._choosy = {agent.capability for agent in request.catalog.agents if agent.input_schema is not None}

    def key(self, step: Step) -> tuple[object, ...]:
        """What the choice of agents depends on."""
        names = tuple(sorted(step.inputs)) if step.capability in self._choosy else ()
        return step.capability, step_quality(step, self._request.task), step.agent, names

    def of(self, step: Step) -> list[AgentSpec]:
        """The agents that may do it, in catalog order."""
        quality = step_quality(step, self._request.task)
        offered = self._request.catalog.offering(step.capability, min_quality=quality, pinned=step.agent)
        return [agent for agent in offered if accepts(agent, step) is None]
