"""Requests with invented methods, and requests from pages of other sites."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from learner.registry import Manifest
from orchestrator.gateway.protocol import LearnerVersions
from orchestrator.ingress.app import build
from orchestrator.ingress.context import IngressContext

from .conftest import CATALOG, SETTINGS


async def test_invented_methods_do_not_grow_the_metrics(gateway):
    app = build(IngressContext(gateway, SETTINGS, CATALOG))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://forerun") as http:
        for number in range(50):
            assert (await http.request(f"FOO{number}", "/v1/tasks")).status_code == 405
        text = (await http.get("/metrics")).text

    families = {family.name: family for family in text_string_to_metric_families(text)}
    methods = {sample.labels["method"] for sample in families["forerun_http_requests"].samples}
    assert len(methods) < 20
    assert sum(sample.value for sample in families["forerun_http_requests"].samples) == 50


@pytest.fixture
def versions(gateway):
    kept = tuple(Manifest(version=n, files={}) for n in (1, 2))
    gateway.versions = LearnerVersions(in_use=2, versions=kept)
    return gateway


@pytest.mark.parametrize("header", [{"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_a_page_of_another_site_cannot_change_anything(http, versions, header):
    reply = await http.post("/v1/learner/rollback", headers={"Content-Type": "text/plain", **header})

    assert reply.status_code == 403
    assert versions.versions.in_use == 2


@pytest.mark.parametrize("header", [{}, {"Origin": "http://forerun", "Sec-Fetch-Site": "same-origin"}])
async def test_clients_and_the_service_s_own_pages_may_change_things(http, versions, header):
    assert (await http.post("/v1/learner/rollback", headers=header)).status_code == 200
    assert versions.versions.in_use == 1
