"""Routes about the service: agents, nodes, metrics, OpenAPI, pages."""

import re

import httpx
from prometheus_client.parser import text_string_to_metric_families

from orchestrator.ingress.app import build
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.openapi_examples import TASKS
from planners.tasks import Task

from .conftest import CATALOG, SETTINGS


async def test_agents_nodes_and_learner_are_shown(http):
    assert [agent["name"] for agent in (await http.get("/v1/agents")).json()["agents"]] == [
        "fetcher",
        "digester",
        "giant",
    ]
    assert (await http.get("/v1/nodes")).json()["nodes"][0]["total"]["cpus"] == 2
    assert (await http.get("/v1/learner")).json() == {"outcomes": 0}


async def test_metrics_count_requests_by_route_and_not_by_id(gateway, task):
    app = build(IngressContext(gateway, SETTINGS, CATALOG))
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://forerun")
    task_id = (await http.post("/v1/tasks", json=task)).json()["id"]
    await http.get(f"/v1/tasks/{task_id}")
    await http.get("/v1/nothing/at/all")

    text = (await http.get("/metrics")).text

    families = {family.name: family for family in text_string_to_metric_families(text)}
    counted = {
        (s.labels["method"], s.labels["route"], s.labels["status"]): s.value
        for s in families["forerun_http_requests"].samples
    }
    assert counted == {
        ("POST", "/v1/tasks", "202"): 1,
        ("GET", "/v1/tasks/{task_id}", "200"): 1,
        ("GET", "unknown", "404"): 1,
    }


async def test_unexpected_errors_are_counted(gateway, monkeypatch):
    async def broken():
        raise ZeroDivisionError

    monkeypatch.setattr(gateway, "nodes", broken)
    app = build(IngressContext(gateway, SETTINGS, CATALOG))
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://forerun")
    assert (await http.get("/v1/nodes")).status_code == 500

    text = (await http.get("/metrics")).text

    assert 'forerun_http_requests_total{method="GET",route="/v1/nodes",status="500"} 1.0' in text


async def test_openapi_describes_every_route_with_examples_and_problems(http):
    document = (await http.get("/openapi.json")).json()

    submit = document["paths"]["/v1/tasks"]["post"]
    assert set(submit["requestBody"]["content"]["application/json"]["examples"]) == {"fan-out", "goal", "limits"}
    assert "application/problem+json" in submit["responses"]["422"]["content"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], f"{method} {path} is not described"
    named = set(re.findall(r"#/components/schemas/([\w-]+)", str(document)))
    assert named <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in document["components"]["schemas"]


async def test_the_examples_of_openapi_are_tasks(http):
    for example in TASKS.values():
        Task.model_validate(example["value"])


async def test_pages_load_nothing_from_other_hosts(http):
    for path in ("/", "/docs"):
        reply = await http.get(path)
        assert reply.status_code == 200
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert not re.search(r"(src|href)=.?https?://", reply.text)
