"""What the operator sets for tasks that do not say it themselves."""

from orchestrator.settings import Settings
from planners.tasks import Task


def with_defaults(task: Task, settings: Settings) -> Task:
    """The task with the service's ``gate.alpha``, unless it sets its own."""
    if "alpha" in task.planning.model_fields_set:
        return task
    planning = task.planning.model_copy(update={"alpha": settings.gate.alpha})
    return task.model_copy(update={"planning": planning})
