"""A run is followed by its changes, live and after its end, from the process and from the journal."""

import odd_agents as o
from shards import a_shard

from actors.catalog import catalog_of
from planners.tasks import Task

CATALOG = catalog_of(o.echoes)
STEPS = [{"id": f"s{number}", "capability": "echo", "inputs": {"x": number}} for number in range(4)]


def task() -> Task:
    return Task.model_validate({"workflow": {"steps": STEPS}, "inputs": {"y": 2}})


async def test_what_a_client_has_not_seen_adds_up_to_the_timeline(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        service.executor.hold("echoes")
        task_id = await service.submit(task())
        bars, seq, first = {}, 0, None
        while len(bars) < len(STEPS):
            changes = await service.shard.changes(task_id, seq, 5.0)
            first = first or changes
            seq = changes.seq
            bars |= {bar.attempt: bar for bar in changes.bars}
        service.executor.resume("echoes")
        while not changes.ended:
            changes = await service.shard.changes(task_id, seq, 5.0)
            seq = changes.seq
            bars |= {bar.attempt: bar for bar in changes.bars}
        timeline = await service.shard.timeline(task_id)

    assert not first.ended
    assert bars == {bar.attempt: bar for bar in timeline.bars}
    assert changes.view.status == "succeeded"
    assert changes.planned_seq > 0


async def test_a_client_that_saw_the_end_gets_nothing_more(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(task())
        await service.ended(task_id)
        whole = await service.shard.changes(task_id, 0, 0.0)
        rest = await service.shard.changes(task_id, whole.seq, 0.0)

    assert len(whole.bars) == len(STEPS)
    assert rest.ended
    assert rest.bars == ()


async def test_graph_and_steps_are_the_same_live_and_from_the_journal(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        service.executor.hold("echoes")
        task_id = await service.submit(task())
        seq = 0
        while not (await service.shard.graph(task_id)).optimal:
            seq = (await service.shard.changes(task_id, seq, 5.0)).seq
        live, step = await service.shard.graph(task_id), await service.shard.step(task_id, "s1")
        advice = await service.shard.advice(task_id)
        service.executor.resume("echoes")
        view = await service.ended(task_id)
        stored = await service.shard.graph(task_id)
        ended = await service.shard.step(task_id, "s1")
        assert await service.shard.advice(task_id) == advice

    assert stored == live
    assert any("'echoes' is pure and declares no version" in hint for hint in advice.hints)
    assert step.inputs == ended.inputs
    assert [bar.status for bar in ended.attempts] == ["finished"]
    assert view.similarity is None or 0 <= view.similarity <= 1
