"""An actor is away when a ping fails, and not when it is only slow to answer."""

import asyncio

import pytest

from orchestrator.errors import Unavailable
from orchestrator.gateway import liveness
from orchestrator.gateway.liveness import Liveness


class Actor:
    """Answers, fails or hangs, as told."""

    def __init__(self):
        self.pings, self.hangs, self.error = 0, False, None

    async def ping(self):
        self.pings += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
def actor():
    return Actor()


@pytest.fixture
def now():
    return [100.0]


@pytest.fixture
def watched(actor, now, monkeypatch):
    monkeypatch.setattr(liveness, "_WAIT_S", 0.01)
    return Liveness(actor.ping, lambda: now[0])


async def test_an_answer_counts_for_a_moment(watched, actor, now):
    await watched.require()
    await watched.require()
    assert actor.pings == 1

    now[0] += 1
    await watched.require()
    assert actor.pings == 2


async def test_nobody_waits_for_a_ping_that_refreshes_an_answer(watched, actor, now):
    await watched.require()
    actor.hangs = True
    now[0] += 0.6

    await watched.require()
    assert actor.pings == 1
    await asyncio.sleep(0)
    assert actor.pings == 2


async def test_a_refreshing_ping_that_fails_is_known_at_once(watched, actor, now):
    await watched.require()
    actor.error = Unavailable("the planner has died")
    now[0] += 0.6
    await watched.require()
    await asyncio.sleep(0)

    with pytest.raises(Unavailable, match="has died"):
        await watched.require()


async def test_a_dead_actor_is_away_until_it_answers_again(watched, actor, now):
    await watched.require()
    now[0] += 1
    actor.error = Unavailable("the planner has died")
    for _ in range(2):
        with pytest.raises(Unavailable, match="has died"):
            await watched.require()

    actor.error = None
    await watched.require()


async def test_a_busy_actor_is_not_away_before_it_has_been_silent_for_long(watched, actor, now):
    await watched.require()
    actor.hangs = True
    now[0] += 5
    await watched.require()
    now[0] += 5
    await watched.require()

    now[0] += 15
    with pytest.raises(Unavailable, match="does not answer"):
        await watched.require()


async def test_an_actor_that_was_never_asked_is_not_away(watched, actor):
    actor.hangs = True

    await watched.require()
