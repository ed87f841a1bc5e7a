"""The planner as the class of a Ray actor."""

from orchestrator.imports import without_collections

with without_collections():
    from orchestrator.service.planning import PlannerActor


class PlannerActorProcess(PlannerActor):
    """A planner. Its process imports this module first, and then all that a planner needs without collections."""
