"""The stub's own controls: holding attempts back, losing nodes."""

import sample_agents as s
from attempts import Attempts

from actors.catalog import catalog_of
from actors.executor.stub import StubExecutor
from planners.agents import Catalog
from reconciler.state.handoff import FailureKind

CATALOG: Catalog = catalog_of(s.add, s.waits)


async def test_held_attempts_go_on_when_resumed():
    executor = StubExecutor(CATALOG)
    attempts = Attempts(executor, "n1")
    executor.hold("add")
    attempt = attempts.start(s.add, a=1)
    await attempts.started(attempt)
    assert attempts.of(attempt) == ["attempt_started"]

    executor.resume("add")

    assert await attempts.result(attempt) == 2


async def test_an_agent_finds_the_key_of_its_order():
    attempts = Attempts(StubExecutor(catalog_of(s.tells_its_key)), "n1")

    assert await attempts.run(s.tells_its_key, work_key="abc") == "t.1-abc"


async def test_flushed_attempts_are_listed_as_cancelled():
    executor = StubExecutor(CATALOG)
    attempts = Attempts(executor, "n1")
    attempt = attempts.start(s.waits)
    await attempts.started(attempt)

    executor.flush(attempts.task, [attempt])

    assert executor.cancelled == [attempt]


async def test_a_lost_node_fails_what_ran_there_and_what_is_sent_there():
    executor = StubExecutor(CATALOG)
    attempts = Attempts(executor, "n1")
    there, elsewhere = attempts.start(s.waits, on="n2"), attempts.start(s.add, a=1)
    await attempts.started(there)

    executor.lose_node("n2")

    interrupted, refused = await attempts.result(there), await attempts.run(s.add, a=1, on="n2")
    assert (interrupted.kind, interrupted.never_began) == (FailureKind.NODE_LOST, False)
    assert (refused.kind, refused.never_began) == (FailureKind.NODE_LOST, True)
    assert await attempts.result(elsewhere) == 2
    assert executor.warm() == {("add", "n1")}


async def test_of_an_attempt_that_waits_for_a_limit_it_is_certain_that_it_never_began():
    attempts = Attempts(StubExecutor(catalog_of(s.counted)), "n1")
    running = [attempts.start(s.counted, seconds=600.0) for _ in range(2)]
    waiting = attempts.start(s.counted, seconds=600.0)
    for attempt in running:
        await attempts.started(attempt)

    attempts.executor.forget_node("n1")

    assert [(await attempts.result(attempt)).never_began for attempt in (*running, waiting)] == [False, False, True]
