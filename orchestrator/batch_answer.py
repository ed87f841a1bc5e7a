"""The answer to a batch of tasks, as the service sends it and the client reads it."""

from pydantic import BaseModel, Field

from orchestrator.problems import ProblemDetails
from reconciler.views.models import TaskView


class BatchItem(BaseModel):
    """What became of one task of a batch: its view, or the problem that refused it."""

    task: TaskView | None = Field(default=None, description="The admitted task")
    problem: ProblemDetails | None = Field(default=None, description="Why it was refused")


class BatchAnswer(BaseModel):
    """One item for each task of the request, in its order."""

    items: list[BatchItem] = Field(description="One for each task, in the order of the request")
