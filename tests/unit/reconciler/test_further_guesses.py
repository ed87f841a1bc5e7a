"""Alternatives to a guess are made where guesses at the kind of task are right often enough."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from runs import SOON, chain, guess

from planners.facts import Facts
from planners.tasks import PlanningOptions, Task
from reconciler.gate import Calibration, Guidance
from reconciler.runtime.guess_session import GuessSession

FIRST, OTHER = guess(chain("fetch", "solve")), guess(chain("solve", "fetch"))
WRONG = Calibration(claimed=(0.0, 1.0), observed=(0.0, 0.1))


async def posted(guidance):
    """The guesses that a run gets under this guidance."""
    events = []
    conditions = SOON.model_copy(update={"guidance": guidance})
    ports = SimpleNamespace(
        planning=SimpleNamespace(guesses=lambda _: iter([FIRST, OTHER])),
        advice=SimpleNamespace(conditions=lambda _request, _plan: conditions),
        warming=None,
        drafter=None,
    )
    request = SimpleNamespace(epoch=0, task=Task(goal="do it", planning=PlanningOptions()), facts=Facts())
    with ThreadPoolExecutor(1) as thread:
        shared = SimpleNamespace(ports=ports, planning_thread=thread)
        await GuessSession(request, shared, SimpleNamespace(now_s=0.0), events.append).first()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
    return [event.plan for event in events]


async def test_alternatives_follow_the_first_guess():
    assert await posted(Guidance()) == [FIRST, OTHER]


@pytest.mark.parametrize("guidance", [Guidance(closed=True), Guidance(throttle=0.4), Guidance(calibration=WRONG)])
async def test_where_even_certain_guesses_fail_one_a_task_is_enough(guidance):
    assert await posted(guidance) == [FIRST]


def test_trust_is_the_probability_of_a_guess_that_is_claimed_to_be_certain():
    assert Guidance().trust == 1.0
    assert Guidance(throttle=0.5, calibration=WRONG).trust == pytest.approx(0.05)
    assert Guidance(closed=True).trust == 0.0
