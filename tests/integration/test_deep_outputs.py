"""An output that is nested too deep is its agent's failure, and hides no task."""

import odd_agents as o
from shards import a_shard

from actors.catalog import catalog_of
from planners.tasks import Task

CATALOG = catalog_of(o.nests, o.echoes)


def a_task(levels: int) -> Task:
    steps = [{"id": "deep", "capability": "nest", "inputs": {"levels": levels}}]
    return Task.model_validate({"workflow": {"steps": steps}, "planning": {"mode": "wait"}})


async def test_a_task_with_an_output_of_any_depth_ends_and_can_be_shown_and_listed(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        ids = [await service.submit(a_task(levels)) for levels in (90, 198, 199, 200, 201, 5_000)]
        views = [await service.ended(task_id) for task_id in ids]

        assert [view.status.ended for view in views] == [True] * len(ids)
        assert views[0].status == "succeeded"
        assert {view.id for view in (await service.shard.list_tasks(50)).tasks} == set(ids)
        for task_id in ids:
            assert (await service.shard.events(task_id)).ended


async def test_a_damaged_row_breaks_no_page(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        damaged, sound = [await service.submit(a_task(1)) for _ in range(2)]
        for task_id in (damaged, sound):
            await service.ended(task_id)
        with service.shard._journal._engine.begin() as connection:
            connection.exec_driver_sql("UPDATE tasks SET view = '{' WHERE id = ?", (damaged,))

        assert sound in {view.id for view in (await service.shard.list_tasks(50)).tasks}
