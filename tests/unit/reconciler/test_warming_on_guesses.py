"""A guess is told to whoever starts hosts ahead, whether or not the gate lets its steps run."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from runs import SOON, chain, guess

from planners.facts import Facts
from planners.tasks import PlanningOptions, Task
from reconciler.gate import Guidance
from reconciler.runtime.guess_session import GuessSession

PLAN = guess(chain("fetch", "solve"))


async def expected(conditions):
    """The plans that were told, of one guess under some conditions, and the events posted."""
    told, posted = [], []
    ports = SimpleNamespace(
        planning=SimpleNamespace(guesses=lambda _: iter([PLAN])),
        advice=SimpleNamespace(conditions=lambda _request, _plan: conditions),
        warming=SimpleNamespace(expect=told.append),
        drafter=None,
    )
    task = Task(goal="do it", kind="k", planning=PlanningOptions())
    with ThreadPoolExecutor(1) as thread:
        shared = SimpleNamespace(ports=ports, planning_thread=thread)
        await GuessSession(
            SimpleNamespace(epoch=0, task=task, facts=Facts()), shared, SimpleNamespace(now_s=0.0), posted.append
        ).first()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
    return told, [event.plan for event in posted]


async def test_a_guess_is_told():
    assert await expected(SOON) == ([PLAN], [PLAN])


async def test_nothing_is_started_for_kinds_of_tasks_that_do_not_speculate():
    assert await expected(SOON.model_copy(update={"guidance": Guidance(closed=True)})) == ([], [PLAN])
