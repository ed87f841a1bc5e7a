"""What does not answer is left alone, then probed; attempts wait meanwhile, or others do their work."""

import asyncio

import pytest
from http_counterpart import http_counterpart
from virtual_loop import in_virtual_time

from actors.admission.breaker import Breaker, BreakerState
from actors.agent import agent
from actors.catalog import parse_catalog
from orchestrator.local.run import catalog_for, run
from orchestrator.local.service import LocalService
from orchestrator.task_documents import task_of
from planners.agents import Catalog, Provider
from planners.availability import avoidable
from planners.cluster import Outage
from reconciler.state.commands import RunStatus

TASKS = 100
DOWN_S = (2.0, 32.0)


def opened(**options):
    breaker = Breaker("provider p", failures=3, pause_s=1.0, max_pause_s=4.0, **options)
    for at_s in (0.1, 0.2, 0.3):
        breaker.take(0, at_s)
        breaker.record(at_s, down=True)
        breaker.release(0)
    return breaker


def test_several_failures_in_a_row_open_a_breaker():
    breaker = Breaker("provider p", failures=3)

    opens = [breaker.record(at_s, down=down) for at_s, down in [(1, True), (2, True), (3, False), (4, True), (5, True)]]
    assert (opens, breaker.state(5)) == ([False] * 5, BreakerState.CLOSED)
    assert breaker.record(6, down=True)
    assert breaker.outage(6) == Outage(kind="provider", name="p", state="open")


def test_failures_long_apart_open_no_breaker():
    breaker = Breaker("provider p", failures=3)

    assert not any(breaker.record(at_s, down=True) for at_s in (0.0, 100.0, 200.0, 300.0))


def test_one_attempt_at_a_time_is_the_probe():
    breaker = opened()

    assert breaker.wait_s(0, 1.0) == pytest.approx(0.3)
    assert (breaker.wait_s(0, 1.4), breaker.state(1.4)) == (0.0, BreakerState.HALF_OPEN)
    breaker.take(0, 1.4)
    assert breaker.wait_s(0, 1.4) == float("inf")


def test_an_answer_closes_a_breaker_and_silence_doubles_its_pause():
    breaker = opened()

    pauses = []
    now_s = 1.4
    for _ in range(3):
        breaker.take(0, now_s)
        breaker.record(now_s, down=True)
        breaker.release(0)
        pauses.append(breaker.wait_s(0, now_s))
        now_s += pauses[-1]
    breaker.take(0, now_s)
    breaker.record(now_s, down=False)

    assert pauses == [2.0, 4.0, 4.0]
    assert breaker.state(now_s) is BreakerState.CLOSED


def test_a_probe_that_is_cancelled_makes_room_for_another():
    breaker = opened()
    breaker.take(0, 1.4)

    breaker.release(0)

    assert breaker.wait_s(0, 1.4) == 0.0


def provider_that_is_away(provider, *, seconds=0.5, down_s=DOWN_S, name="asks"):
    """An agent whose provider answers nobody for a while; what it has seen."""
    calls = []

    async def ask(n: int) -> int:
        now_s = asyncio.get_running_loop().time()
        await asyncio.sleep(seconds)
        down = down_s[0] <= now_s < down_s[1]
        calls.append((now_s, down))
        if down:
            raise ConnectionError("connection refused")
        return n

    ask.__name__ = name
    return calls, agent(capability="ask", provider=provider, expected_s=seconds)(ask)


async def ended(catalog, tasks, every_s, seen=None):
    """Tasks that are submitted one after the other, and the outages that were seen meanwhile."""
    async with LocalService(catalog) as service:
        executor = service._executor

        async def one(number):
            await asyncio.sleep(number * every_s)
            steps = [{"id": f"s{n}", "capability": "ask", "inputs": {"n": n}} for n in range(2)]
            return await service.run(task_of({"workflow": {"steps": steps}}))

        async def watch():
            while seen is not None:
                await asyncio.sleep(0.2)
                states = [outage.state for outage in executor.outages() if outage.kind == "provider"]
                seen.append(states[0] if states else "closed")

        watching = asyncio.ensure_future(watch())
        views = await asyncio.gather(*(one(number) for number in range(tasks)))
        await asyncio.sleep(0.3)
        watching.cancel()
        return views


def with_provider(agents, *names):
    found = catalog_for(None, agents)
    return Catalog(agents=found.agents, providers=tuple(Provider(name=name, max_concurrent=20) for name in names))


def test_an_outage_of_thirty_seconds_loses_none_of_a_hundred_tasks():
    calls, asks = provider_that_is_away("p")
    seen = []

    views = in_virtual_time(ended(with_provider([asks], "p"), TASKS, 0.05, seen))

    assert {view.status for view in views} == {RunStatus.SUCCEEDED}
    order = [state for state, before in zip(seen, [None, *seen], strict=False) if state != before]
    assert order[:3] == ["closed", "open", "half_open"]
    assert order[-1] == "closed"
    refused = [at_s for at_s, down in calls if down]
    assert len(refused) < 60


def test_another_agent_takes_over_while_a_provider_does_not_answer():
    calls, first = provider_that_is_away("p", seconds=0.1, down_s=(1.0, 1e9))
    _, second = provider_that_is_away("q", seconds=0.5, down_s=(1e9, 1e9), name="other")

    views = in_virtual_time(ended(with_provider([first, second], "p", "q"), 30, 0.1))

    assert {view.status for view in views} == {RunStatus.SUCCEEDED}
    assert sum(down for _, down in calls) < 25


def test_a_planner_avoids_agents_that_do_not_answer_where_others_can_do_the_work():
    _, first = provider_that_is_away("p")
    _, second = provider_that_is_away("q", name="other")
    catalog = with_provider([first, second], "p", "q")
    outage = Outage(kind="provider", name="p", state="open")
    step = {"id": "a", "capability": "ask", "inputs": {"n": 1}}

    def avoided(*steps):
        return avoidable((outage,), task_of({"workflow": {"steps": list(steps)}}), catalog)

    assert avoided(step) == ["asks"]
    assert avoided({**step, "agent": "asks"}) == []
    assert avoidable((), task_of({"workflow": {"steps": [step]}}), catalog) == []


def test_a_service_that_answers_with_errors_for_a_while_loses_no_step():
    with http_counterpart() as server:
        server.answers["/work"] = [*[(503, {}, {"no": "not now"})] * 6, (200, {}, {"done": True})]
        entry = {"name": "works", "capability": "work", "kind": "http", "target": f"{server.url}/work"}
        settings = {"allow": ["127.0.0.1"]}
        catalog = parse_catalog({"agents": [{**entry, "effect": "idempotent", "settings": settings}]})
        steps = [{"id": f"s{n}", "capability": "work", "inputs": {"n": n}} for n in range(6)]

        view = run({"workflow": {"steps": steps}}, [catalog])

    assert view.status is RunStatus.SUCCEEDED, view.failure
    assert len(server.seen) == 6 + 6
