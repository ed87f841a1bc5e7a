"""Many tasks in one request: each is checked and admitted by itself, and a refused one does not stop the others."""

import asyncio
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.batch_answer import BatchAnswer, BatchItem
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.request_bodies import checked
from orchestrator.problems import describe
from planners.errors import ForerunError
from planners.tasks import AdmittedTask, Task
from reconciler.views.models import TaskView

MOST_TASKS = 1_000
# Tasks that are parsed and checked before other requests get a turn: some 10 ms of small ones.
_AT_ONCE = 20


class TaskBatch(BaseModel):
    """Tasks to submit together."""

    model_config = ConfigDict(extra="forbid")

    tasks: list[Any] = Field(min_length=1, max_length=MOST_TASKS, description="Tasks, as they are submitted one by one")


async def submit_batch(context: IngressContext, batch: TaskBatch, key: str | None) -> BatchAnswer:
    """Check and admit tasks. With an idempotency key, each task has the key and its position in the batch.

    Raises:
        Unavailable: no shard answers.
    """
    found: list[AdmittedTask | ForerunError] = []
    for position, raw in enumerate(batch.tasks):
        own_key = None if key is None else f"{key}#{position}"
        found.append(await _checked(context, raw, own_key))
        if position % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)
    valid = [one for one in found if isinstance(one, AdmittedTask)]
    answers = iter(await context.gateway.submit_many(valid))
    return BatchAnswer(items=[_item(next(answers) if isinstance(one, AdmittedTask) else one) for one in found])


async def _checked(context: IngressContext, raw: Any, key: str | None) -> AdmittedTask | ForerunError:
    try:
        return await context.admit(checked(raw, Task), key)
    except ForerunError as error:
        return error


def _item(answer: TaskView | ForerunError) -> BatchItem:
    if isinstance(answer, ForerunError):
        return BatchItem(problem=describe(answer, "/v1/tasks:batch"))
    return BatchItem(task=answer)
