"""Agents of all kinds on Ray: each returns or fails in its own way, and those that crash take no other with them."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("langgraph", reason="pip install 'forerun[langgraph]'")

from attempts import output_of, until
from chat_answers import CHAT, called, said
from http_counterpart import http_counterpart
from kinds import KINDS, Case, counterparts

from actors.catalog import parse_catalog
from reconciler.state.handoff import Failure, FailureKind, Handoff

# On a busy machine a host takes long to import what the agents of these tests need, which holds up its event loop.
IMPORTS_S = 120.0
pytestmark = pytest.mark.ray


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


async def test_kinds_that_share_a_host_are_stopped_tell_progress_and_return_large_outputs(attempts_with: Any):
    # Sync agents and commands have tests of their own. Batches of one, since calls of a batch end together.
    more = {"batch": {"resources": {}, "settings": {"max_batch": 1}}}
    kinds = [kind for kind in KINDS if kind not in {"sync", "command"}]
    with counterparts() as servers:
        plain = replace(servers, secret=False)

        def each(do: str, name: str = "", *, without: tuple[str, ...] = (), **fields: Any) -> dict[str, Case]:
            known = {kind: {"name": f"{kind}-{name or do}", **more.get(kind, {}), **fields} for kind in kinds}
            return {kind: plain.case(kind, do, **entry) for kind, entry in known.items() if kind not in without}

        late, unwanted, large = each("waits", "late", timeout_s=2.0), each("waits"), each("large")
        telling = each("tells", without=("http", "batch"))  # the others tell nothing while they work
        cases = [*late.values(), *unwanted.values(), *large.values(), *telling.values()]
        attempts = attempts_with(*(case.agent for case in cases), heartbeat_timeout_s=IMPORTS_S)

        def started(each_kind: dict[str, Case]) -> dict[str, Any]:
            return {kind: attempts.start(case.agent.name, **case.inputs) for kind, case in each_kind.items()}

        cancelled = started(unwanted)
        for attempt in cancelled.values():
            await attempts.started(attempt)
        await until(servers.http.stalled.is_set)
        attempts.executor.flush(attempts.task, list(cancelled.values()))
        stopped, returned, told = started(late), started(large), started(telling)
        failures = {kind: await attempts.ended(attempt) for kind, attempt in stopped.items()}
        handoffs = {kind: await attempts.ended(attempt) for kind, attempt in returned.items()}
        values = {kind: await attempts.executor.value(attempts.task, output_of(one)) for kind, one in returned.items()}
        for attempt in told.values():
            assert isinstance(await attempts.ended(attempt), Handoff)
        await until(servers.http.left.is_set)

    assert {kind: getattr(failure, "kind", failure) for kind, failure in failures.items()} == dict.fromkeys(
        kinds, FailureKind.TIMEOUT
    )
    assert all(isinstance(handoff, Handoff) and handoff.by_reference for handoff in handoffs.values())
    assert values == {kind: case.output for kind, case in large.items()}
    assert [attempts.of(attempt) for attempt in cancelled.values()] == len(kinds) * [["attempt_started"]]
    for kind, attempt in told.items():
        progress = [line.text for line in attempts.logs[attempt] if line.stream == "progress"]
        assert any("half of it" in text or "one of four" in text for text in progress), kind
