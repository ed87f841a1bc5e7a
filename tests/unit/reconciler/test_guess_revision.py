"""When guesses are made again: with every longer prefix, one at a time, and never after the whole plan."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from runs import chain, guess, plan

from planners.requests import Continuation
from reconciler.runtime.guess_revision import GuessRevision
from reconciler.state.conditions import Conditions

STEPS = chain("fetch", "solve", "fetch")
REQUEST = SimpleNamespace(epoch=3, task=SimpleNamespace(kind="k"))


class Ports:
    """Planning and advice; a continuation holds what was known and all steps."""

    def __init__(self):
        self.planning = self.advice = self
        self.asked = []

    def continuation(self, _request, prefix, before):
        self.asked.append((len(prefix.steps), len(before)))
        return Continuation(guess(STEPS), frozenset({"w2", "w1"}))

    def conditions(self, _request, _plan):
        return Conditions()


def prefix(known):
    whole = plan(STEPS)
    return whole.model_copy(update={"steps": whole.steps[:known], "complete": False})


@pytest.fixture
def thread():
    with ThreadPoolExecutor(1) as pool:
        yield pool


async def revise(thread, ports, *plans):
    posted = []
    revision = GuessRevision(SimpleNamespace(ports=ports, planning_thread=thread), posted.append)
    for one in plans:
        if one == "guess":
            revision.acted_on(guess(STEPS))
        elif one == "wait":
            await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
        else:
            revision.prefix(REQUEST, one)
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
    return posted


async def test_each_longer_prefix_is_guessed_behind(thread):
    ports = Ports()

    first, second = await revise(thread, ports, "guess", prefix(1), "wait", prefix(2))

    assert ports.asked == [(1, 1), (2, 2)]
    assert (first.continues, first.epoch, first.unlikely) == (1, 3, ("w1", "w2"))
    assert second.continues == 2


async def test_prefixes_that_arrive_while_a_guess_is_made_are_skipped_but_for_the_last(thread):
    ports = Ports()

    await revise(thread, ports, "guess", prefix(1), prefix(2), prefix(3))

    assert ports.asked == [(3, 1)]


async def test_nothing_is_guessed_again_without_a_guess_or_after_the_whole_plan(thread):
    ports = Ports()

    assert await revise(thread, ports, prefix(1)) == []
    assert await revise(thread, ports, "guess", prefix(1), plan(STEPS)) == []
    assert ports.asked == []


async def test_a_planner_that_breaks_leaves_the_run_its_guesses(thread, caplog):
    ports = Ports()
    ports.conditions = lambda *_: 1 / 0

    assert await revise(thread, ports, "guess", prefix(1)) == []
    assert "is not made again" in caplog.text
