"""One timer finds the attempts whose time is up, among those that have not ended."""

import asyncio
from itertools import count
from types import SimpleNamespace

import pytest
from attempts import until

from actors.executor import time_limits
from actors.executor.hosted import HostedAttempt
from actors.executor.time_limits import TimeLimits

GUARD_S = 30.0


class Up:
    """Collects the attempts whose time is up."""

    def __init__(self):
        self.attempts, self._news = [], asyncio.Event()

    def __call__(self, attempt):
        self.attempts.append(attempt)
        self._news.set()

    async def first(self):
        await asyncio.wait_for(self._news.wait(), GUARD_S)


@pytest.fixture(autouse=True)
def short_tick(monkeypatch):
    monkeypatch.setattr(time_limits, "_TICK_S", 0.01)


@pytest.fixture
async def up():
    return Up()


@pytest.fixture
async def limits(up):
    return TimeLimits(up)


_numbers = count(1)


def an_attempt():
    return HostedAttempt("t", SimpleNamespace(attempt=f"t.{next(_numbers)}"), None, None)


async def test_an_attempt_whose_time_is_up_is_told_once_and_not_too_early(limits, up):
    attempt, loop = an_attempt(), asyncio.get_running_loop()
    began_s = loop.time()
    limits.add(attempt, 0.05)

    await up.first()
    later = an_attempt()
    limits.add(later, 0.01)
    await until(lambda: later in up.attempts)

    assert loop.time() - began_s >= 0.05
    assert up.attempts == [attempt, later]


async def test_an_attempt_that_has_ended_is_forgotten(limits, up):
    ended, late = an_attempt(), an_attempt()
    limits.add(ended, 0.01)
    limits.add(late, 0.01)
    limits.discard(ended)
    limits.discard(an_attempt())

    await up.first()

    assert up.attempts == [late]
