"""Steps that add to one context on Ray: the shard is replaced in between, and nothing is done twice."""

import asyncio

from context_agents import notes, reads, shortens
from ray_shards import a_ray_shard, ended

from actors.catalog import catalog_of
from planners.model import StepId
from planners.tasks import Task
from reconciler.state.commands import RunStatus
from reconciler.state.events import StepAnswered
from reconciler.state.waiting import WaitKind

GUARD_S = 60.0
CATALOG = catalog_of(notes, reads, shortens)
TASK = Task.model_validate(
    {
        "workflow": {
            "steps": [
                {"id": "a", "capability": "note", "inputs": {"text": "one"}, "writes": ["notes"]},
                {
                    "id": "b",
                    "capability": "note",
                    "inputs": {"text": "two", "before": "$context.notes"},
                    "writes": {"notes": "$context.notes", "length": "$output"},
                },
                {"id": "sign", "approval": "Right?", "inputs": {"notes": "$context.notes"}},
                {
                    "id": "short",
                    "capability": "shorten",
                    "inputs": {"text": "$handoffs.b.summary"},
                    "compact": {"over_tokens": 1},
                    "after": ["sign"],
                },
                {
                    "id": "said",
                    "capability": "read",
                    "inputs": {
                        "notes": "$context.notes",
                        "summary": "$handoffs.a.summary",
                        "short": "$steps.short",
                    },
                },
            ],
            "outputs": {"said": "$steps.said", "length": "$context.length"},
        }
    }
)
VERSIONS = [("notes", 1, "a", ["one"]), ("notes", 2, "b", ["one", "two"]), ("length", 1, "b", 3)]


def versions(view):
    return [(one.key, one.version, one.step, one.value) for one in view.versions]


async def until(service, task_id, holds):
    """Return once the view of the task says so."""
    seq = 0
    async with asyncio.timeout(GUARD_S):
        while not holds(await service.shard.show(task_id)):
            seq = (await service.shard.changes(task_id, seq, 1.0)).seq


async def test_steps_read_what_those_before_have_written_over_a_restart(cluster, tmp_path):
    async with a_ray_shard(CATALOG, tmp_path, cluster.cpu) as service:
        task_id = await service.submit(TASK)
        await until(service, task_id, lambda view: view.steps.finished >= 2)
        assert versions(await service.shard.context(task_id)) == VERSIONS

    async with a_ray_shard(CATALOG, tmp_path, cluster.cpu) as service:
        await until(service, task_id, lambda view: any(one.kind is WaitKind.ANSWER for one in view.waiting))
        await service.shard.answer(task_id, StepId("sign"), StepAnswered(at_s=0, attempt=""))
        view = await ended(service, task_id, GUARD_S)
        shown = await service.shard.context(task_id)

    assert view.status is RunStatus.SUCCEEDED
    assert view.outputs == {"said": "one two noted one noted", "length": 3}
    assert versions(shown) == VERSIONS
    assert not any(one.staged for one in shown.versions)
