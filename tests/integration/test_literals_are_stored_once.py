"""A literal is stored once, however many elements the list has that it is used for."""

import odd_agents as o
from shards import Service, a_shard

from actors.catalog import catalog_of
from planners.model import TaskId
from planners.tasks import Task

CATALOG = catalog_of(o.echoes)
ELEMENTS, LITERAL_BYTES = 50, 20_000


def a_task(literal_bytes: int) -> Task:
    inner = {"id": "one", "capability": "echo", "inputs": {"x": "z" * literal_bytes}}
    steps = [{"id": "each", "for_each": "$inputs.xs", "steps": [inner]}]
    workflow = {"steps": steps, "outputs": {"n": 1}}
    planning = {"mode": "list_schedule"}
    return Task.model_validate({"inputs": {"xs": [0] * ELEMENTS}, "workflow": workflow, "planning": planning})


async def stored_bytes(service: Service, task_id: TaskId) -> int:
    """What the journal holds of a task, but for what its attempts gave."""
    assert (await service.ended(task_id)).status == "succeeded"
    rows = "SELECT length(task) + length(view) + length(timeline) + length(plans) FROM tasks WHERE id = ?"
    lines = "SELECT sum(length(data)) FROM events WHERE task = ? AND kind != 'attempt_finished'"
    with service.shard._journal._engine.connect() as connection:
        return sum(connection.exec_driver_sql(query, (task_id,)).scalar_one() for query in (rows, lines))


async def test_a_literal_inside_a_for_each_is_not_stored_for_every_element(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        short, long = [await service.submit(a_task(size)) for size in (10, LITERAL_BYTES)]
        grown = await stored_bytes(service, long) - await stored_bytes(service, short)

    assert grown < 10 * LITERAL_BYTES
