"""What attempts have printed is read while the task runs, after it has ended, and after a restart; gc deletes it."""

from contextlib import closing

import printing_agents as p
from shards import Service, a_shard

from actors.catalog import catalog_of
from planners.model import StepId
from planners.tasks import Task
from reconciler.journal import Journal
from reconciler.state.commands import RunStatus
from reconciler.views.logs import LogPage, LogQuery

CATALOG = catalog_of(p.prints_in_host, p.prints_and_waits_in_host, p.prints_and_fails_in_host)


def task_of(*agents: str, **inputs: str) -> Task:
    steps = [{"id": agent, "capability": agent, "inputs": inputs} for agent in agents]
    return Task.model_validate({"workflow": {"steps": steps}, "planning": {"mode": "wait"}})


def renamed():
    agents = [agent.model_copy(update={"capability": agent.name}) for agent in CATALOG.agents]
    return CATALOG.model_copy(update={"agents": tuple(agents)})


async def all_lines(service: Service, task_id, **query) -> LogPage:
    return await service.shard.logs(task_id, LogQuery(**query), 0.0)


async def test_lines_are_there_when_the_task_has_ended_and_after_a_restart(tmp_path):
    async with a_shard(renamed(), tmp_path) as service:
        task_id = await service.submit(task_of("prints_in_host", name="n"))
        assert (await service.ended(task_id)).status is RunStatus.SUCCEEDED
        before = await all_lines(service, task_id)

    async with a_shard(renamed(), tmp_path) as service:
        after = await all_lines(service, task_id)

    assert [line.seq for line in before.lines] == [1, 2, 3, 4, 5]
    assert {line.step for line in before.lines} == {"prints_in_host"}
    assert before.ended
    assert after == before


async def test_a_failed_step_has_its_lines(tmp_path):
    async with a_shard(renamed(), tmp_path) as service:
        task_id = await service.submit(task_of("prints_and_fails_in_host"))
        assert (await service.ended(task_id)).status is RunStatus.FAILED
        page = await all_lines(service, task_id, step=StepId("prints_and_fails_in_host"))

    attempts = [line.attempt for line in page.lines]
    assert [line.text for line in page.lines] == ["before the end"] * len(attempts)
    assert len(set(attempts)) == len(attempts) > 0


async def test_numbers_go_on_when_a_task_is_resumed(tmp_path):
    release = tmp_path / "go"
    both = task_of("prints_and_fails_in_host", "prints_and_waits_in_host", release=str(release))
    steps = both.model_dump(exclude_unset=True)["workflow"]["steps"]
    steps[0]["inputs"] = {}
    task = Task.model_validate({"workflow": {"steps": steps}, "planning": {"mode": "wait"}})
    async with a_shard(renamed(), tmp_path) as service:
        task_id = await service.submit(task)
        first = await service.shard.logs(task_id, LogQuery(), 30.0)

    release.touch()
    async with a_shard(renamed(), tmp_path) as service:
        await service.ended(task_id)
        page = await all_lines(service, task_id)

    assert [line.seq for line in page.lines] == list(range(1, len(page.lines) + 1))
    assert page.lines[: len(first.lines)] == first.lines
    assert len(page.lines) > len(first.lines)


async def test_gc_deletes_the_lines_of_the_tasks_it_deletes(tmp_path):
    async with a_shard(renamed(), tmp_path) as service:
        task_id = await service.submit(task_of("prints_in_host", name="n"))
        await service.ended(task_id)

    with closing(Journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")) as journal:
        assert journal.log_rows(task_id, 0, 10)
        journal.delete_ended(float("inf"))
        assert not journal.log_rows(task_id, 0, 10)
