"""Where guesses at the kind of task are right often enough, alternatives are made and the LLM waits for the first."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from runs import SOON, chain, guess

from planners.facts import Facts
from planners.tasks import PlanningOptions, Task
from reconciler.gate import Calibration, Guidance
from reconciler.runtime import guess_session
from reconciler.runtime.guess_session import GuessSession

FIRST, OTHER = guess(chain("fetch", "solve")), guess(chain("solve", "fetch"))
WRONG = Calibration(claimed=(0.0, 1.0), observed=(0.0, 0.1))


async def posted(guidance):
    """The guesses that a run gets under this guidance."""
    events = []
    with ThreadPoolExecutor(1) as thread:
        await session(thread, guidance, iter([FIRST, OTHER]), events).first()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
    return [event.plan for event in events]


def session(thread, guidance, guesses, events):
    conditions = SOON.model_copy(update={"guidance": guidance})
    ports = SimpleNamespace(
        planning=SimpleNamespace(guesses=lambda _: guesses),
        advice=SimpleNamespace(conditions=lambda _request, _plan: conditions),
        warming=None,
        drafter=None,
    )
    request = SimpleNamespace(epoch=0, task=Task(goal="do it", planning=PlanningOptions()), facts=Facts())
    shared = SimpleNamespace(ports=ports, planning_thread=thread)
    return GuessSession(request, shared, SimpleNamespace(now_s=0.0), events.append)


async def test_alternatives_follow_the_first_guess():
    assert await posted(Guidance()) == [FIRST, OTHER]


@pytest.mark.parametrize("guidance", [Guidance(closed=True), Guidance(throttle=0.4), Guidance(calibration=WRONG)])
async def test_where_even_certain_guesses_fail_one_a_task_is_enough(guidance):
    assert await posted(guidance) == [FIRST]


@pytest.mark.parametrize("guidance", [Guidance(closed=True), Guidance(throttle=0.4), Guidance(calibration=WRONG)])
async def test_where_guesses_fail_the_llm_is_asked_before_the_guess_is_made(guidance, monkeypatch):
    """Otherwise each plan of such a kind comes later than without speculation."""
    monkeypatch.setattr(guess_session, "_LONGEST_WAIT_S", 3600.0)
    asked, events = threading.Event(), []

    def made():
        asked.wait()
        yield FIRST

    with ThreadPoolExecutor(1) as thread:
        try:
            assert await session(thread, guidance, made(), events).first() is None
        finally:
            asked.set()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
    assert [event.plan for event in events] == [FIRST]


async def test_where_guesses_are_right_the_first_is_a_hint_to_the_planner(monkeypatch):
    monkeypatch.setattr(guess_session, "_LONGEST_WAIT_S", 3600.0)
    with ThreadPoolExecutor(1) as thread:
        assert await session(thread, Guidance(), iter([FIRST]), []).first() == FIRST


def test_trust_is_the_probability_of_a_guess_that_is_claimed_to_be_certain():
    assert Guidance().trust == 1.0
    assert Guidance(throttle=0.5, calibration=WRONG).trust == pytest.approx(0.05)
    assert Guidance(closed=True).trust == 0.0
