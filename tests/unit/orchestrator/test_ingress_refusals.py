"""Every way to say no is a problem document that names field and fix, and changes nothing."""

import json

import pytest

JSON = {"content-type": "application/json"}


async def refused(http, status: int, reply) -> dict:
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json()
    assert problem["status"] == status
    assert problem["title"]
    assert (await http.get("/v1/tasks")).json()["tasks"] == []
    return problem


BAD_TASKS = {
    "nothing to do": ({}, "", "goal"),
    "unknown field": ({"goal": "x", "objectiv": {}}, "objectiv", "objective"),
    "unknown field of a step": (
        {"workflow": {"steps": [{"id": "a", "capability": "fetch", "inptus": {}}]}},
        "workflow.steps.a.inptus",
        "inputs",
    ),
    "id of the wrong form": (
        {"workflow": {"steps": [{"id": "a b", "capability": "fetch"}]}},
        "workflow.steps.0.id",
        "id",
    ),
    "out of bounds": ({"goal": "x", "limits": {"deadline_s": -1}}, "limits.deadline_s", "greater"),
    "missing capability": ({"workflow": {"steps": [{"id": "a"}]}}, "workflow.steps.a.capability", "add"),
    "a reference of the wrong form": (
        {"workflow": {"steps": [{"id": "a", "capability": "fetch", "inputs": {"x": "$nowhere.y"}}]}},
        "workflow.steps.a.inputs.x",
        "$inputs",
    ),
    "unknown capability": (
        {"workflow": {"steps": [{"id": "a", "capability": "fetsh"}]}},
        "workflow.steps.a.capability",
        "fetch",
    ),
    "cycle": (
        {
            "workflow": {
                "steps": [
                    {"id": "a", "capability": "fetch", "after": ["b"]},
                    {"id": "b", "capability": "fetch", "after": ["a"]},
                ]
            }
        },
        "workflow.steps.a",
        "remove",
    ),
    "too low a quality": (
        {"workflow": {"steps": [{"id": "a", "capability": "digest"}]}, "objective": {"min_quality": 0.9}},
        "objective.min_quality",
        "0.7",
    ),
}


@pytest.mark.parametrize("kind", BAD_TASKS)
async def test_a_bad_task_is_refused_with_field_and_fix(http, kind):
    body, field, fix = BAD_TASKS[kind]

    problem = await refused(http, 422, await http.post("/v1/tasks", json=body))

    assert problem["field"] == field
    assert fix in problem["fix"]
    assert problem["detail"]
    assert problem["instance"] == "/v1/tasks"


async def test_all_that_is_wrong_is_named_at_once(http):
    steps = [{"id": "a", "capability": "fetsh"}, {"id": "b", "capability": "fetch", "agent": "fetchr"}]

    problem = await refused(http, 422, await http.post("/v1/tasks", json={"workflow": {"steps": steps}}))

    assert [flaw["field"] for flaw in problem["errors"]] == ["workflow.steps.a.capability", "workflow.steps.b.agent"]


async def test_a_resource_that_no_node_has_is_refused(http):
    body = {"workflow": {"steps": [{"id": "a", "capability": "simulate"}]}}

    problem = await refused(http, 422, await http.post("/v1/tasks", json=body))

    assert "gpus 8" in problem["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b'{"goal": "x"', b"[1,2", b"\xff\xfe", b"goal: x"])
async def test_a_body_that_is_not_json_is_a_400(http, body):
    reply = await http.post("/v1/tasks", content=body, headers=JSON)

    await refused(http, 400, reply)


@pytest.mark.parametrize("body", [[1, 2, 3], None, 3, "x"])
async def test_json_that_is_not_an_object_is_refused(http, body):
    await refused(http, 422, await http.post("/v1/tasks", content=json.dumps(body), headers=JSON))


async def test_too_deep_json_is_refused(http):
    body = b'{"goal": "x", "inputs": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}"

    reply = await http.post("/v1/tasks", content=body, headers=JSON)

    assert 400 <= reply.status_code < 500, reply.text
    await refused(http, reply.status_code, reply)


async def test_a_body_over_the_limit_is_a_413(http):
    reply = await http.post("/v1/tasks", json={"goal": "x" * 30_000})

    await refused(http, 413, reply)


async def test_a_streamed_body_over_the_limit_is_a_413(http):
    async def endless():
        for _ in range(100):
            yield b"x" * 1000

    await refused(http, 413, await http.post("/v1/tasks", content=endless(), headers=JSON))


async def test_an_unknown_route_and_a_wrong_method_are_problems_too(http):
    assert "docs" in (await refused(http, 404, await http.get("/v1/nothing")))["fix"]
    reply = await http.put("/v1/tasks", json={})
    await refused(http, 405, reply)
    assert "POST" in reply.headers["allow"]


@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": "many"}, {"status": "lost"}])
async def test_a_bad_parameter_is_named(http, params):
    problem = await refused(http, 422, await http.get("/v1/tasks", params=params))

    assert problem["field"] == f"query.{next(iter(params))}"


TASK_ID = "t000000000000-0000000000000000"


@pytest.mark.parametrize(
    ("method", "path", "field", "fix"),
    [
        ("GET", "/v1/tasks?stauts=failed", "query.stauts", "did you mean 'status'?"),
        ("POST", "/v1/tasks?wait=5", "query.wait", "did you mean 'wait_s'?"),
        ("POST", f"/v1/tasks/{TASK_ID}:retry?from=fetch", "query.from", "did you mean 'from_step'?"),
        ("POST", f"/v1/tasks/{TASK_ID}/callbacks/paid?ttl=5", "query.ttl", "did you mean 'ttl_s'?"),
        ("GET", f"/v1/tasks/{TASK_ID}/logs?lvel=error&step=fetch", "query.lvel", "did you mean 'level'?"),
        ("GET", f"/v1/tasks/{TASK_ID}/events?format=ag-ui&from=3", "query.from", "did you mean 'format'?"),
        ("GET", f"/v1/tasks/{TASK_ID}/changes?since=3", "query.since", "there are after"),
        ("POST", "/v1/learner/rollback?verison=3", "query.verison", "did you mean 'version'?"),
        ("GET", "/v1/agents?name=x", "query.name", "this route has none: leave it out"),
    ],
)
async def test_an_unknown_parameter_is_refused_with_the_nearest_one(http, method, path, field, fix):
    problem = await refused(http, 422, await http.request(method, path, json={}))

    assert (problem["detail"], problem["field"], problem["fix"]) == ("unknown parameter", field, fix)


@pytest.mark.parametrize("path", ["/healthz?x=1", "/metrics?x=1", "/?x=1", "/docs?x=1"])
async def test_probes_scrapers_and_the_page_may_be_asked_with_any_parameter(http, path):
    assert (await http.get(path)).status_code == 200


async def test_an_outside_system_may_add_parameters_to_a_signed_address(http):
    reply = await http.post(f"/v1/callbacks/{TASK_ID}/paid?expires=1&signature=x&from=bank")

    assert reply.status_code == 403


async def test_a_full_queue_answers_when_to_try_again(http, task):
    for _ in range(50):
        assert (await http.post("/v1/tasks", json=task)).status_code == 202

    reply = await http.post("/v1/tasks", json=task)

    assert reply.status_code == 429
    assert reply.headers["retry-after"] == "3"
    assert reply.json()["title"] == "Overloaded"


async def test_a_dead_shard_is_a_503_with_retry_after(http, gateway, task):
    gateway.is_up = False

    reply = await http.post("/v1/tasks", json=task)

    assert reply.status_code == 503
    assert int(reply.headers["retry-after"]) >= 1
    assert (await http.get("/readyz")).status_code == 503
    assert (await http.get("/healthz")).status_code == 200


async def test_an_unexpected_error_is_a_500_without_a_traceback(http, gateway, task, monkeypatch):
    async def broken(*_arguments):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(gateway, "submit", broken)

    problem = await refused(http, 500, await http.post("/v1/tasks", json=task))

    assert "secret" not in json.dumps(problem)
    assert "ZeroDivision" not in json.dumps(problem)


WORKFLOW = '{"workflow": {"steps": [{"id": "a", "capability": "fetch", "inputs": {"x": %s}}]}}'


@pytest.mark.parametrize(
    "value",
    ["NaN", "-Infinity", "1e999", r'"\ud800"', r'{"\udc00": 1}', "[" * 150 + "]" * 150],
    ids=["nan", "infinity", "beyond doubles", "half a pair", "half a pair as key", "deep"],
)
async def test_json_that_cannot_be_stored_is_refused(http, value):
    """If it were admitted, it would come back changed, or break the run."""
    reply = await http.post("/v1/tasks", content=WORKFLOW % value, headers=JSON)

    problem = await refused(http, 400, reply)

    assert problem["fix"]


async def test_json_of_any_ordinary_form_passes(http):
    deep = "[" * 80 + "]" * 80

    for value in (r'"\ud83d\ude00"', "-0.0", "1e308", "123456789012345678901234567890", deep):
        assert (await http.post("/v1/tasks", content=WORKFLOW % value, headers=JSON)).status_code == 202


async def test_a_body_declared_as_a_form_is_a_415_with_the_fix(http):
    """What `curl -d @task.json` sends."""
    form = {"content-type": "application/x-www-form-urlencoded"}

    problem = await refused(http, 415, await http.post("/v1/tasks", content=WORKFLOW % "1", headers=form))

    assert "application/json" in problem["fix"]
    assert problem["field"] == "header.Content-Type"


async def test_a_body_of_bytes_is_refused_with_the_fix(http):
    problem = await refused(http, 400, await http.post("/v1/tasks", content=b"\xff\xfe", headers=JSON))

    assert problem["fix"]


@pytest.mark.parametrize(
    ("query", "detail", "fix"),
    [
        ("limit=0", "0 is less than 1", "give at least 1"),
        ("limit=ten", "'ten' cannot be read", "write a whole number"),
        ("status=done", "'done' is none of 'planning'", "there are cancelled, failed"),
        ("status=runing", "'runing' is none of 'planning'", "did you mean 'running'?"),
    ],
)
async def test_a_wrong_parameter_is_told_in_the_words_of_tasks(http, query, detail, fix):
    problem = await refused(http, 422, await http.get(f"/v1/tasks?{query}"))

    assert detail in problem["detail"]
    assert problem["fix"].startswith(fix)
