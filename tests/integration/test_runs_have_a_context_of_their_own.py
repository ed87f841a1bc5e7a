"""Ray cancels what is called in the context of a cancelled call. What a run calls is called in that of its shard."""

from contextvars import ContextVar

from shards import a_shard, parked

from actors.agent import agent
from actors.catalog import catalog_of
from planners.model import StepId
from planners.tasks import Task
from reconciler.state.commands import RunStatus
from reconciler.state.events import StepAnswered

_WHERE = ContextVar("where", default="nowhere")


@agent(capability="look")
async def look() -> str:
    """In whose context it runs."""
    return _WHERE.get()


async def test_a_run_is_started_and_woken_outside_the_context_of_the_call(tmp_path):
    steps = [
        {"id": "before", "capability": "look"},
        {"id": "sign", "approval": "Go on?", "after": ["before"]},
        {"id": "after", "capability": "look", "after": ["sign"]},
    ]
    outputs = {"before": "$steps.before", "after": "$steps.after"}
    _WHERE.set("the shard")
    async with a_shard(catalog_of(look), tmp_path) as service:
        _WHERE.set("a request")
        task_id = await service.submit(Task.model_validate({"workflow": {"steps": steps, "outputs": outputs}}))
        await parked(service, task_id)
        await service.shard.answer(task_id, StepId("sign"), StepAnswered(at_s=0, attempt="", by="ada"))
        view = await service.ended(task_id)

    assert view.status is RunStatus.SUCCEEDED
    assert view.outputs == {"before": "the shard", "after": "the shard"}
