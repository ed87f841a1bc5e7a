"""Agents of all kinds on Ray: each returns or fails in its own way, and those that crash take no other with them."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("langgraph", reason="pip install 'forerun[langgraph]'")

from chat_answers import CHAT, called, said
from http_counterpart import http_counterpart
from kinds import KINDS, Case, counterparts

from actors.catalog import parse_catalog
from reconciler.state.handoff import Failure

# On a busy machine a host takes long to import what the agents of these tests need, which holds up its event loop.
IMPORTS_S = 120.0
pytestmark = [pytest.mark.ray, pytest.mark.timeout(280)]


async def test_all_kinds_return_fail_and_crash_beside_each_other(attempts_with: Any):
    # The nodes of the test cluster have no secret that an agent could send, and too few CPUs for all sync attempts.
    free = {"sync": {"resources": {}}}
    with counterparts() as servers:
        plain = replace(servers, secret=False)
        cases = {
            (kind, do): plain.case(kind, do, **free.get(kind, {}))
            for kind in KINDS
            for do in ("returns", "fails", "crashes")
        }
        attempts = attempts_with(*(case.agent for case in cases.values()), heartbeat_timeout_s=IMPORTS_S)

        async def result(case: Case) -> Any:
            return await attempts.run(case.agent.name, **case.inputs)

        found = dict(zip(cases, await asyncio.gather(*map(result, cases.values())), strict=True))

    assert {kind: found[kind, "returns"] for kind in KINDS} == {kind: cases[kind, "returns"].output for kind in KINDS}
    assert all(isinstance(found[kind, do], Failure) for kind in KINDS for do in ("fails", "crashes"))


@pytest.mark.parametrize("effect", ["pure", "irreversible"], ids=["in a host", "in a process of its own"])
async def test_a_language_model_calls_agents_on_ray(attempts_with: Any, effect: str):
    tool = {"name": "length", "target": "tool_agents:length", "capability": "measure", "effect": "pure"}
    with http_counterpart() as server:
        server.answers[CHAT] = [called(("length", {"text": "four"})), said("4 letters")]
        settings = {"prompt": "Count", "base_url": f"{server.url}/v1", "tools": ["length"]}
        model = {"name": "asks", "capability": "ask", "kind": "llm", "target": "small", "settings": settings}
        agents = parse_catalog({"agents": [{**model, "effect": effect}, tool]}).agents
        attempts = attempts_with(*agents, heartbeat_timeout_s=IMPORTS_S)
        attempt = attempts.start("asks")

        assert await attempts.result(attempt) == "4 letters"
        assert any("calls length" in text for text in attempts.texts(attempt))
