"""What changes of a run as server-sent events: everything first, then what is new, until the end."""

import json

import made_up_runs
import page_runs as runs
import pytest


class Here:
    """Stands for a server whose gateway is on this loop."""

    def __init__(self, gateway) -> None:
        self.gateway = gateway


@pytest.fixture
async def task(gateway):
    here = Here(gateway)
    task = await made_up_runs.submitted(here, runs.briefing())
    await made_up_runs.shown(here, task, runs.briefing(), 1.0)
    return task


async def events(http, task, **headers) -> list[dict]:
    reply = await http.get(f"/v1/tasks/{task}/changes", headers=headers)
    assert reply.status_code == 200
    found = []
    for block in reply.text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":"))
        if lines.get("event") == "changes":
            found.append(json.loads(lines["data"]) | {"id": lines["id"]})
    assert "event: end" in reply.text
    return found


async def test_an_ended_run_is_one_event_with_everything(http, gateway, task):
    await made_up_runs.shown(Here(gateway), task, runs.briefing(), runs.briefing().end_s)

    (whole,) = await events(http, task)

    assert whole["ended"]
    assert whole["view"]["status"] == "succeeded"
    assert len(whole["bars"]) == len(runs.briefing().bars)


async def test_a_client_that_resumes_gets_what_it_has_not_seen(http, gateway, task):
    run = runs.briefing()
    new = run.bar_at(run.bars[-1], run.end_s)
    seen = (await gateway.changes(task, 0, 0.0)).seq
    await gateway.show(task, [new], **run.view(run.end_s))

    (rest,) = await events(http, task, **{"Last-Event-ID": str(seen)})

    assert [bar["attempt"] for bar in rest["bars"]] == [new.attempt]
    assert rest["id"] == str(seen + 1)


async def test_a_client_that_has_seen_all_of_an_ended_run_need_not_come_back(http, gateway, task):
    await made_up_runs.shown(Here(gateway), task, runs.briefing(), runs.briefing().end_s)
    seen = (await gateway.changes(task, 0, 0.0)).seq

    reply = await http.get(f"/v1/tasks/{task}/changes", headers={"Last-Event-ID": str(seen)})

    assert reply.status_code == 204


async def test_an_unknown_task_is_a_problem_document(http):
    reply = await http.get("/v1/tasks/t000000000000-0000000000000000/changes")
    assert reply.status_code == 404
    assert reply.json()["title"]


async def test_graph_step_and_trace_are_shown(http, gateway, task):
    graph = (await http.get(f"/v1/tasks/{task}/graph")).json()
    step = (await http.get(f"/v1/tasks/{task}/steps/search[0]")).json()
    trace = await http.get(f"/v1/tasks/{task}/trace")
    advice = (await http.get(f"/v1/tasks/{task}/advice")).json()

    assert len(graph["steps"]) == 13
    assert advice == {"routes": [], "cheaper": [], "hints": []}
    assert step["inputs"][1]["value"] == "spin qubits in germanium"
    assert trace.headers["content-disposition"] == f'attachment; filename="{task}.trace.json"'
    assert trace.json()["traceEvents"]
    assert (await http.get(f"/v1/tasks/{task}/steps/nobody")).status_code == 404
