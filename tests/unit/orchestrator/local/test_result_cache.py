"""Identical work of pure agents with a version is done once, whatever task it is part of."""

import asyncio
from contextlib import closing

import pytest
from attempts import Attempts
from virtual_loop import in_virtual_time

from actors.agent import agent
from actors.executor.local_executor import LocalExecutor
from actors.result_cache import ResultCache
from orchestrator.local.run import catalog_for
from orchestrator.local.service import LocalService
from orchestrator.task_documents import task_of
from planners.agents import AgentSpec
from reconciler.journal.results import ResultTable
from reconciler.state.handoff import Handoff


def squaring(**declared):
    calls = []

    async def square(n: int) -> int:
        calls.append(n)
        await asyncio.sleep(10.0)
        return n * n

    return calls, agent(capability="square", **declared)(square)


def steps(*numbers, **more):
    listed = [{"id": f"s{at}", "capability": "square", "inputs": {"n": n}, **more} for at, n in enumerate(numbers)]
    return task_of({"workflow": {"steps": listed}})


def played(square, *tasks, together=False):
    """The views of tasks, and how long each took in virtual time."""

    async def play():
        async with LocalService(catalog_for(None, [square])) as service:
            loop = asyncio.get_running_loop()

            async def one(task):
                began_s = loop.time()
                return await service.run(task), loop.time() - began_s

            return await asyncio.gather(*map(one, tasks)) if together else [await one(task) for task in tasks]

    return in_virtual_time(play())


def test_a_result_answers_identical_work_of_another_task_at_once():
    calls, square = squaring(version="2")

    (first, first_s), (second, second_s) = played(square, steps(3), steps(3))

    assert first.outputs == second.outputs == {"s0": 9}
    assert calls == [3]
    assert first_s >= 10.0
    assert second_s < 0.1
    assert second.usd == 0.0


def test_identical_work_under_way_is_waited_for():
    calls, square = squaring(version="2")

    views = played(square, steps(3), steps(3), together=True)

    assert [view.outputs for view, _ in views] == [{"s0": 9}] * 2
    assert calls == [3]


def test_samples_of_one_task_stay_several():
    calls, square = squaring(version="2")

    views = played(square, steps(3, 3), steps(3, 3))

    assert calls == [3, 3]
    assert views[1][0].outputs == {"s0": 9, "s1": 9}


@pytest.mark.parametrize(
    ("declared", "step"),
    [({"effect": "idempotent", "version": "2"}, {}), ({"version": "2"}, {"cache": False}), ({}, {})],
)
def test_other_work_is_repeated(declared, step):
    calls, square = squaring(**declared)

    played(square, steps(3, **step), steps(3, **step))

    assert calls == [3, 3]


def test_results_expire_and_the_least_recently_used_go_first():
    now = [0.0]
    cache = ResultCache(lambda: now[0], max_bytes=1_200, ttl_s=60.0)
    spec = AgentSpec(name="a", capability="c", version="2")
    keys = [cache.key("t", f"w{n}", spec, None, {"n": n}) for n in range(3)]

    cache.put(keys[0], Handoff(output=0))
    cache.put(keys[1], Handoff(output=1))
    assert cache.get(keys[0]).output == 0
    cache.put(keys[2], Handoff(output=2))

    assert [cache.get(key) is not None for key in keys] == [True, False, True]
    now[0] = 61.0
    assert cache.get(keys[0]) is None
    assert cache.clear() == 1


def test_the_version_is_part_of_the_key():
    cache = ResultCache(lambda: 0.0)
    one, other = (AgentSpec(name="a", capability="c", version=version) for version in "12")

    assert cache.key("t", "w", one, None, {"n": 1}) != cache.key("t", "w", other, None, {"n": 1})


SPEC = AgentSpec(name="a", capability="c", version="2")


def stored_cache(store, now):
    return ResultCache(lambda: now[0], store=store, wall_clock=lambda: 1_000.0 + now[0])


def test_a_stored_result_answers_after_a_restart_until_it_expires(tmp_path):
    url, now = f"sqlite:///{tmp_path / 'journal.sqlite3'}", [5.0]
    with closing(ResultTable(url, clock=lambda: 1_000.0 + now[0])) as store:
        key = stored_cache(store, now).key("t", "w", SPEC, None, {"n": 1})
        stored_cache(store, now).put(key, Handoff(output=7, summary="seven"))

    with closing(ResultTable(url, clock=lambda: 1_000.0 + now[0])) as store:
        found = asyncio.run(stored_cache(store, now).find(key))
        now[0] += 24 * 3600.0
        late = asyncio.run(stored_cache(store, now).find(key))

    assert (found.output, found.summary, found.cached) == (7, "seven", True)
    assert late is None


def test_results_that_somebody_has_cleared_do_not_answer_a_second_later(tmp_path):
    url, now = f"sqlite:///{tmp_path / 'journal.sqlite3'}", [5.0]
    with closing(ResultTable(url)) as store, closing(ResultTable(url)) as command:
        cache = stored_cache(store, now)
        cache.put("k", Handoff(output=7))
        before = asyncio.run(cache.find("k"))
        store.flush()

        command.clear()
        now[0] += 2.0

        assert before.output == 7
        assert asyncio.run(cache.find("k")) is None


def test_a_database_that_cannot_be_read_costs_only_the_work():
    class Broken:
        def cleared_s(self):
            raise OSError("no disk")

    assert asyncio.run(stored_cache(Broken(), [5.0]).find("k")) is None


def test_an_executor_keeps_results_in_the_cache_that_it_is_given_though_it_is_empty():
    calls, square = squaring(version="2")
    cache = ResultCache(lambda: 0.0)

    async def run():
        first, second = (
            Attempts(LocalExecutor(catalog_for(None, [square]), results=cache), "n1", task) for task in ("t", "u")
        )
        return [await each.run("square", n=3, cached=True, work_key="w") for each in (first, second)]

    assert in_virtual_time(run()) == [9, 9]
    assert calls == [3]
    assert len(cache) == 1


@pytest.mark.parametrize("fails", [False, True])
def test_identical_work_that_begins_together_is_done_once_though_stored_results_are_looked_up_first(fails):
    calls, square = squaring(version="2")
    looked = asyncio.Event()

    class Empty(ResultCache):
        async def find(self, key):
            await looked.wait()
            return await super().find(key)

    async def run():
        executor = LocalExecutor(catalog_for(None, [square]), results=Empty(lambda: 0.0))
        attempts = [Attempts(executor, "n1", task) for task in "tuv"]
        begun = [each.start("square", n=3, cached=True, work_key="w") for each in attempts]
        await asyncio.sleep(1.0)
        looked.set()
        await asyncio.sleep(1.0)
        if fails:
            executor.flush("t", [begun[0]])
        await asyncio.gather(*(each.result(one) for each, one in [*zip(attempts, begun, strict=True)][fails:]))

    in_virtual_time(run())
    assert calls == [3] * (1 + fails)


def test_a_kept_result_answers_within_a_few_turns_of_the_event_loop_and_nothing_begins():
    calls, square = squaring(version="2")

    async def run():
        executor = LocalExecutor(catalog_for(None, [square]), results=ResultCache(lambda: 0.0))
        attempts = Attempts(executor, "n1", "t")
        assert await attempts.run("square", n=3, cached=True, work_key="w") == 9

        again, turns = attempts.start("square", n=3, cached=True, work_key="w"), 0
        while not attempts.of(again):
            await asyncio.sleep(0)
            turns += 1
        return attempts.of(again), turns

    reported, turns = in_virtual_time(run())
    assert reported == ["attempt_finished"]
    assert turns <= 3
    assert calls == [3]


def test_a_task_of_one_kept_step_is_done_in_as_many_turns_however_long_its_agent_takes():
    async def turns_of(seconds, kept):
        async def square(n: int) -> int:
            await asyncio.sleep(seconds)
            return n * n

        declared = agent(capability="square", version="2")(square)
        loop = asyncio.get_running_loop()
        async with LocalService(catalog_for(None, [declared])) as service:
            if kept:
                await service.run(steps(3))
            began_s = loop.time()
            await service.run(steps(3))
            return loop.time() - began_s

    async def play():
        return [await turns_of(seconds, kept) for seconds, kept in ((10.0, False), (10.0, True), (1_000.0, True))]

    first_s, kept_s, kept_of_slow_s = in_virtual_time(play())
    assert first_s >= 10.0
    assert kept_s == pytest.approx(kept_of_slow_s)
    assert kept_s < 10.0
