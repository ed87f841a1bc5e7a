"""Submitting, looking, waiting, cancelling over HTTP."""

import asyncio

import pytest

from reconciler.state.commands import RunStatus


async def submitted(http, task, **headers) -> str:
    reply = await http.post("/v1/tasks", json=task, headers=headers)
    assert reply.status_code == 202, reply.text
    return reply.json()["id"]


async def test_a_submitted_task_is_a_202_with_its_location(http, task):
    reply = await http.post("/v1/tasks", json=task)

    assert reply.status_code == 202
    assert reply.json()["status"] == "planning"
    shown = await http.get(reply.headers["location"])
    assert shown.json() == reply.json()


async def test_the_same_key_with_the_same_task_is_the_same_task(http, task):
    first = await submitted(http, task, **{"Idempotency-Key": "k1"})
    again = await submitted(http, task, **{"Idempotency-Key": "k1"})
    other = await submitted(http, task, **{"Idempotency-Key": "k2"})

    assert first == again != other
    assert len((await http.get("/v1/tasks")).json()["tasks"]) == 2


async def test_the_same_key_with_another_task_is_a_conflict_and_changes_nothing(http, task):
    await submitted(http, task, **{"Idempotency-Key": "k1"})

    reply = await http.post("/v1/tasks", json=task | {"name": "another"}, headers={"Idempotency-Key": "k1"})

    assert reply.status_code == 409
    assert reply.json()["field"] == "Idempotency-Key"
    assert len((await http.get("/v1/tasks")).json()["tasks"]) == 1


async def test_pages_hold_every_task_once_newest_first(http, task):
    ids = [await submitted(http, task | {"name": str(number)}) for number in range(7)]

    seen, before = [], None
    while True:
        params = {"limit": 3} | ({"before": before} if before else {})
        page = (await http.get("/v1/tasks", params=params)).json()
        seen += [view["id"] for view in page["tasks"]]
        before = page["next_before"]
        if before is None:
            break

    assert seen == sorted(ids, reverse=True)


async def test_the_list_can_be_narrowed_to_labels(http, task):
    labelled = await submitted(http, task | {"labels": {"team": "blue", "run": "a=b"}})
    await submitted(http, task | {"labels": {"team": "red"}})

    both = await http.get("/v1/tasks", params={"label": ["team=blue", "run=a=b"]})
    refused = await http.get("/v1/tasks", params={"label": "team"})

    assert [(view["id"], view["labels"]) for view in both.json()["tasks"]] == [
        (labelled, {"team": "blue", "run": "a=b"})
    ]
    assert refused.status_code == 422


async def test_the_list_can_be_narrowed_to_a_status(http, gateway, task):
    first, second = await submitted(http, task), await submitted(http, task)
    await gateway.end(first)

    page = (await http.get("/v1/tasks", params={"status": "planning"})).json()

    assert [view["id"] for view in page["tasks"]] == [second]


async def test_a_waiting_reader_is_answered_when_the_run_ends(http, gateway, task):
    task_id = await submitted(http, task)

    waiting = asyncio.create_task(http.get(f"/v1/tasks/{task_id}", params={"wait_s": 5}))
    await asyncio.sleep(0)
    await gateway.end(task_id, outputs={"digest": "short"})

    assert (await waiting).json()["outputs"] == {"digest": "short"}


async def test_a_waiting_reader_is_answered_after_its_time(http, task):
    task_id = await submitted(http, task)

    reply = await http.get(f"/v1/tasks/{task_id}", params={"wait_s": 0.01})

    assert reply.json()["status"] == "planning"


async def test_cancelling_ends_a_run_and_cancelling_again_changes_nothing(http, gateway, task):
    task_id = await submitted(http, task)

    first = await http.delete(f"/v1/tasks/{task_id}", params={"reason": "enough"})
    again = await http.delete(f"/v1/tasks/{task_id}")

    assert first.json()["status"] == "cancelled"
    assert first.json() == again.json()
    assert (await gateway.events(task_id, 0, 0)).events[0].data == {"reason": "enough"}


async def test_a_run_that_succeeded_stays_so_when_cancelled(http, gateway, task):
    task_id = await submitted(http, task)
    await gateway.end(task_id)

    assert (await http.delete(f"/v1/tasks/{task_id}")).json()["status"] == RunStatus.SUCCEEDED


async def test_outputs_are_available_once_a_step_has_finished(http, gateway, task):
    task_id = await submitted(http, task)

    early = await http.get(f"/v1/tasks/{task_id}/outputs/fetch")
    unknown = await http.get(f"/v1/tasks/{task_id}/outputs/nothing")
    await gateway.end(task_id, outputs={"fetch": {"text": "größe"}})
    there = await http.get(f"/v1/tasks/{task_id}/outputs/fetch")

    assert (early.status_code, unknown.status_code) == (409, 404)
    assert there.json() == {"text": "größe"}


@pytest.mark.parametrize("path", ["plans", "timeline"])
async def test_plans_and_timeline_of_a_task_are_shown(http, task, path):
    task_id = await submitted(http, task)

    reply = await http.get(f"/v1/tasks/{task_id}/{path}")

    assert reply.status_code == 200
    assert reply.json()["task"] == task_id


async def test_a_plan_is_made_without_running_anything(http, task):
    reply = await http.post("/v1/plans", json=task)

    assert reply.status_code == 200
    assert reply.json()["optimal"]["kind"] == "optimal"
    assert (await http.get("/v1/tasks")).json()["tasks"] == []


@pytest.mark.parametrize("path", ["", "/plans", "/timeline", "/events", "/outputs/a"])
async def test_an_unknown_task_is_a_404_everywhere(http, path):
    reply = await http.get(f"/v1/tasks/t000000000000-0000000000000000{path}")

    assert reply.status_code == 404
    assert reply.headers["content-type"] == "application/problem+json"


async def test_a_submission_can_wait_for_the_end_of_its_task(http, gateway, task):
    submitting = asyncio.create_task(http.post("/v1/tasks", params={"wait_s": 5}, json=task))
    while not (tasks := (await http.get("/v1/tasks")).json()["tasks"]):  # noqa: ASYNC110 -- nothing tells of it
        await asyncio.sleep(0)
    await gateway.end(tasks[0]["id"], RunStatus.SUCCEEDED, {"digest": 7})

    reply = await submitting

    assert reply.status_code == 200
    assert reply.json()["outputs"] == {"digest": 7}


async def test_a_submission_that_waits_too_short_is_answered_as_one_that_does_not_wait(http, task):
    reply = await http.post("/v1/tasks", params={"wait_s": 0.01}, json=task)

    assert reply.status_code == 202
    assert reply.json()["status"] == "planning"


async def test_a_batch_is_admitted_task_by_task(http, task):
    broken = {"workflow": {"steps": [{"id": "x", "capability": "no such thing"}]}}

    reply = await http.post("/v1/tasks:batch", json={"tasks": [task, broken, {"goal": 7}, task]})

    assert reply.status_code == 200
    items = reply.json()["items"]
    assert [item["task"] is not None for item in items] == [True, False, False, True]
    assert {items[position]["problem"]["status"] for position in (1, 2)} == {422}
    assert len((await http.get("/v1/tasks")).json()["tasks"]) == 2


async def test_a_batch_with_a_key_is_admitted_once(http, task):
    batch, headers = {"tasks": [task, task]}, {"Idempotency-Key": "k"}

    first, again = [await http.post("/v1/tasks:batch", json=batch, headers=headers) for _ in range(2)]

    ids = [item["task"]["id"] for item in first.json()["items"]]
    assert len(set(ids)) == 2
    assert [item["task"]["id"] for item in again.json()["items"]] == ids


@pytest.mark.parametrize("body", [{"tasks": []}, {}, {"tasks": "x"}])
async def test_a_batch_holds_at_least_one_task(http, body):
    assert (await http.post("/v1/tasks:batch", json=body)).status_code == 422
