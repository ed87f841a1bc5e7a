"""A draft of the plan: when it is asked for, what it replaces, and what is learned from it."""

import asyncio
from types import SimpleNamespace

from runs import chain, guess, plan

from planners.tasks import PlanningOptions, Task
from reconciler.gate import LaterGuess
from reconciler.runtime.draft_guess import DraftGuess
from reconciler.state.conditions import Conditions

TRUE, WRONG = chain("fetch", "solve"), chain("solve", "fetch")
SLOW = Conditions(prior_plan_s=5.0)


class Drafter:
    """Answers with a draft, or with an error, when the test lets it."""

    usd_per_call = 0.0

    def __init__(self, draft=None, right=0.9):
        self.answer, self.right = draft, right
        self.may_answer = asyncio.Event()
        self.asked = 0
        self.seen = []

    def expected(self, _task):
        return LaterGuess(at_s=1.0, right=self.right)

    async def draft(self, _request):
        self.asked += 1
        await self.may_answer.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def observe(self, _task, draft, whole, took_s):
        self.seen.append((draft, whole, took_s))


class Asked:
    """A draft guess at a goal, what it posted, and its clock."""

    def __init__(self, drafter, first=None, task=None, conditions=SLOW):
        self.clock = SimpleNamespace(now_s=0.1)
        self.posted = []
        request = SimpleNamespace(task=task or Task(goal="do it", kind="k"), epoch=2)
        self.draft = DraftGuess(request, SimpleNamespace(drafter=drafter), self.clock, self.posted.append)
        self.drafter = drafter
        first = first or guess(())
        self.draft.ask(first, conditions, [first])

    async def answered(self, at_s=1.2):
        self.clock.now_s = at_s
        self.drafter.may_answer.set()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
        return self.posted


def prefix(steps, known):
    whole = plan(steps)
    return whole.model_copy(update={"steps": whole.steps[:known], "complete": False})


async def test_a_draft_becomes_the_guess_with_the_reliability_of_drafts_as_its_probability():
    asked = Asked(Drafter(guess(TRUE)))
    assert asked.draft.expected == LaterGuess(at_s=1.1, right=0.9)

    (event,) = await asked.answered()

    assert {planned.probability for planned in event.plan.steps} == {0.9}
    assert (event.epoch, event.alternative) == (2, False)
    assert asked.draft.has_arrived
    assert asked.draft.expected is None


async def test_it_gives_up_doubtful_work_of_the_guess_before():
    early = guess(WRONG)
    doubtful = tuple(one.model_copy(update={"probability": 0.3}) for one in early.steps)
    early = early.model_copy(update={"steps": doubtful})

    (event,) = await Asked(Drafter(guess(TRUE)), first=early).answered()

    assert set(event.unlikely) == {one.work_key for one in early.steps}


async def test_nobody_is_asked_where_the_guess_in_hand_is_as_good_or_the_plan_comes_soon():
    sure, soon, wide = Drafter(), Drafter(), Drafter()
    Asked(sure, first=guess(TRUE))  # each step with 0.9
    Asked(soon, conditions=Conditions(prior_plan_s=0.5))
    Asked(wide, task=Task(goal="do it", planning=PlanningOptions(mode="plan_cache")))
    await asyncio.sleep(0)

    assert (sure.asked, soon.asked, wide.asked) == (0, 0, 0)


async def test_a_draft_that_the_optimal_plan_contradicts_already_is_dropped():
    asked = Asked(Drafter(guess(WRONG)))
    asked.draft.plan_arrived(prefix(TRUE, 1))

    assert await asked.answered() == []
    assert not asked.draft.has_arrived


async def test_a_draft_that_begins_as_the_optimal_plan_does_is_used():
    asked = Asked(Drafter(guess(TRUE)))
    asked.draft.plan_arrived(prefix(TRUE, 1))

    assert len(await asked.answered()) == 1


async def test_a_drafter_that_breaks_or_has_nothing_to_say_leaves_the_task_as_it_is(caplog):
    assert await Asked(Drafter(RuntimeError("down"))).answered() == []
    assert await Asked(Drafter(None)).answered() == []
    assert "no draft" in caplog.text


async def test_drafts_are_judged_by_the_optimal_plan_even_if_they_come_too_late():
    in_time = Asked(Drafter(guess(TRUE)))
    await in_time.answered(at_s=1.6)
    late = Asked(Drafter(guess(TRUE)))
    in_time.clock.now_s = late.clock.now_s = 5.1
    in_time.draft.plan_arrived(plan(TRUE))
    late.draft.plan_arrived(plan(TRUE))
    late.draft.stop()

    ((draft, _, took_s),) = in_time.drafter.seen
    assert (draft.steps[0].step, took_s) == (TRUE[0], 1.5)
    ((draft, _, took_s),) = late.drafter.seen
    assert (draft, took_s) == (None, 5.0)
