"""What attempts print and log, over HTTP and by the client."""

import asyncio

import pytest

from orchestrator.client.client import Client
from reconciler.views.logs import LogLevel


@pytest.fixture
async def task_id(client, task) -> str:
    return (await client.submit(task)).id


async def test_a_page_says_where_the_next_one_begins(http, gateway, task_id):
    for number in range(5):
        await gateway.log(task_id, "fetch", f"line {number}")

    first = (await http.get(f"/v1/tasks/{task_id}/logs", params={"limit": 3})).json()
    second = (await http.get(f"/v1/tasks/{task_id}/logs", params={"after": first["next_after"]})).json()

    assert [line["text"] for line in first["lines"]] == ["line 0", "line 1", "line 2"]
    assert [line["text"] for line in second["lines"]] == ["line 3", "line 4"]
    assert first["lines"][0]["task"] == task_id
    assert not second["ended"]


async def test_lines_are_filtered_by_step_and_level(http, gateway, task_id):
    await gateway.log(task_id, "fetch", "fetching")
    await gateway.log(task_id, "digest", "digesting")
    await gateway.log(task_id, "digest", "hm", LogLevel.WARNING)

    params = {"step": "digest", "level": "warning"}
    page = (await http.get(f"/v1/tasks/{task_id}/logs", params=params)).json()

    assert [line["text"] for line in page["lines"]] == ["hm"]


async def test_the_tail_is_the_last_lines(http, gateway, task_id):
    for number in range(5):
        await gateway.log(task_id, "fetch", f"line {number}")

    page = (await http.get(f"/v1/tasks/{task_id}/logs", params={"limit": 2, "tail": True})).json()

    assert [line["text"] for line in page["lines"]] == ["line 3", "line 4"]


async def test_an_unknown_task_is_a_problem(http):
    for path in ("logs", "logs/stream"):
        assert (await http.get(f"/v1/tasks/t000000000000-0000000000000000/{path}")).status_code == 404


async def test_the_stream_holds_every_line_and_ends_with_the_run(http, gateway, task_id):
    await gateway.log(task_id, "fetch", "line 0")

    async def goes_on() -> None:
        await gateway.log(task_id, "fetch", "line 1")
        await gateway.end(task_id)

    body, _ = await asyncio.gather(http.get(f"/v1/tasks/{task_id}/logs/stream"), goes_on())

    assert [part for part in body.text.split("\n") if part.startswith("id: ")] == ["id: 1", "id: 2"]
    assert "event: end" in body.text


async def test_a_stream_resumes_after_the_last_event(http, gateway, task_id):
    for number in range(3):
        await gateway.log(task_id, "fetch", f"line {number}")
    await gateway.end(task_id)

    resumed = await http.get(f"/v1/tasks/{task_id}/logs/stream", headers={"Last-Event-ID": "2"})
    done = await http.get(f"/v1/tasks/{task_id}/logs/stream", headers={"Last-Event-ID": "3"})

    assert "line 2" in resumed.text
    assert "line 1" not in resumed.text
    assert done.status_code == 204


async def test_the_client_reads_all_pages_and_follows_to_the_end(client: Client, gateway, task_id):
    for number in range(700):
        await gateway.log(task_id, "fetch", f"line {number}")

    now = [line.seq async for line in client.logs(task_id)]
    last = [line.seq async for line in client.logs(task_id, "fetch", last=2)]

    async def follow() -> list[str]:
        return [line.text async for line in client.logs(task_id, level="info", last=1, follow=True)]

    async def goes_on() -> None:
        await gateway.log(task_id, "fetch", "the end")
        await gateway.end(task_id)

    followed, _ = await asyncio.gather(follow(), goes_on())

    assert now == list(range(1, 701))
    assert last == [699, 700]
    assert followed[-1] == "the end"
