"""The answer to a batch of tasks, as the service sends it and the client reads it."""

from pydantic import BaseModel

from orchestrator.problems import ProblemDetails
from reconciler.views.models import TaskView


class BatchItem(BaseModel):
    """What became of one task of a batch: its view, or the problem that refused it."""

    task: TaskView | None = None
    problem: ProblemDetails | None = None


class BatchAnswer(BaseModel):
    """One item for each task of the request, in its order."""

    items: list[BatchItem]
