"""The optimal planner composed of a stub decomposer and the real schedulers."""

import asyncio
import os
import sys
import threading
from contextlib import aclosing

import pytest
from goals import ANSWER, CATALOG, GOAL, Clock, goal_task, request, steps
from planner_pipelines import all_plans, pipeline, stub

from planners.costs import PriorCosts
from planners.errors import DecomposeFailed, NoLanguageModel, PlanningError
from planners.expansion import flatten
from planners.model import digest
from planners.optimal.decompose import StubDecomposer
from planners.optimal.planner import OptimalSettings
from planners.plans import PlanKind
from planners.requests import InFlight
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.tasks import Mode, PlanningOptions, Task
from planners.work_keys import InputDigests, work_keys
from planners.workflow import Goal, Workflow


async def test_a_declared_workflow_gets_one_whole_plan_with_a_proven_bound():
    task = Task(workflow=Workflow(steps=tuple(steps())))

    (plan,) = await all_plans(pipeline(clock=Clock(tick_s=0.5)), request(task))

    assert plan.kind is PlanKind.OPTIMAL
    assert plan.complete
    assert [planned.placement.agent for planned in plan.steps] == ["fetcher", "captioner", "translator-small"]
    assert plan.gap == pytest.approx(0, abs=1e-3)
    assert plan.planning_s == 0.5


async def test_mode_wait_gives_the_whole_plan_only():
    (plan,) = await all_plans(pipeline(stub()), request(goal_task(mode=Mode.WAIT)))

    assert plan.complete


async def test_mode_list_schedule_never_asks_the_solver():
    def solver(*args, **more):
        pytest.fail("the solver was asked")

    planner = pipeline(stub(), solver=solver)
    plans = await all_plans(planner, request(goal_task(mode=Mode.LIST_SCHEDULE)))

    assert plans[-1].complete
    assert plans[-1].origin != "cp-sat"
    assert plans[-1].kind is PlanKind.OPTIMAL


async def test_a_solve_is_cancelled_when_its_plan_is_no_longer_awaited():
    begun, ended = threading.Event(), threading.Event()

    def solver(flat, request, costs, *, cancellation, **more):
        with cancellation.on_cancel(ended.set):
            begun.set()
            assert ended.wait(30)
        return list_schedule(flat, request, costs)

    planner = pipeline(solver=solver)
    asked = asyncio.create_task(all_plans(planner, request(Task(workflow=Workflow(steps=tuple(steps()))))))
    await asyncio.to_thread(begun.wait, 30)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert ended.is_set()


async def test_mode_oracle_gives_the_plan_that_was_given():
    (known,) = await all_plans(pipeline(stub()), request(goal_task(mode=Mode.WAIT)))
    planning = PlanningOptions(mode=Mode.ORACLE, plan=known.model_copy(update={"kind": PlanKind.SPECULATIVE}))

    (plan,) = await all_plans(pipeline(), request(Task(goal=GOAL, planning=planning)))

    assert plan == known


async def test_without_a_decomposer_a_goal_fails_and_says_what_to_do():
    with pytest.raises(NoLanguageModel, match="no LLM is configured"):
        await all_plans(pipeline(), request())


class Guesser:
    def guess(self, asked):
        task = asked.task.model_copy(update={"goal": None, "workflow": Workflow(steps=tuple(steps()[:2]))})
        guess = list_schedule(_flat(steps()[:2]), asked.model_copy(update={"task": task}), PriorCosts())
        return guess.model_copy(update={"origin": "retrieval"})


def _flat(listed):
    return flatten(Workflow(steps=tuple(listed)), {})


async def test_the_guess_becomes_the_optimal_plan_where_the_decomposer_fails_and_the_task_allows_it():
    planner = pipeline(stub(fails_after=1), fallback=Guesser())

    plans = await all_plans(planner, request(goal_task(fallback=True)))

    assert [step.id for step in plans[-1].steps] == ["fetch", "caption"]
    assert (plans[-1].kind, plans[-1].complete) == (PlanKind.OPTIMAL, True)
    assert plans[-1].origin == "fallback:retrieval"


async def test_an_incomplete_guess_never_becomes_the_optimal_plan():
    half = Guesser().guess(request()).model_copy(update={"complete": False})
    with pytest.raises(DecomposeFailed, match="told to fail"):
        await all_plans(pipeline(stub(fails_after=1)), request(goal_task(fallback=True), hint=half))


async def test_the_decomposers_failure_is_the_tasks_where_no_fallback_is_allowed():
    with pytest.raises(DecomposeFailed, match="told to fail"):
        await all_plans(pipeline(stub(fails_after=1), fallback=Guesser()), request())


async def test_closing_the_plan_closes_the_decomposer():
    decomposer = stub(gate=(gate := asyncio.Semaphore(1)))
    async with aclosing(pipeline(decomposer).plan(request())) as plans:
        await anext(plans)
    assert gate.locked()
    assert decomposer.closed == 1


async def _until_asked(decomposer):
    while not decomposer.asked:  # noqa: ASYNC110 -- the stub is plain data, and one turn of the loop is enough
        await asyncio.sleep(0)


async def test_cancelling_the_plan_closes_the_decomposer():
    decomposer = stub(gate=asyncio.Semaphore(0))
    waiting = asyncio.create_task(all_plans(pipeline(decomposer), request()))
    await asyncio.wait_for(_until_asked(decomposer), 10)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert decomposer.closed == 1


async def test_a_later_epoch_schedules_the_same_steps_and_asks_no_llm():
    decomposer = stub()
    planner = pipeline(decomposer)
    first = (await all_plans(planner, request()))[-1]

    second = await all_plans(planner, request(epoch=2, catalog=CATALOG.without(["translator-small"])))

    assert len(decomposer.asked) == 1
    assert [plan.complete for plan in second] == [True]
    assert [planned.step for planned in second[0].steps] == [planned.step for planned in first.steps]
    assert second[0].steps[-1].placement.agent == "translator-large"


async def test_a_later_epoch_decomposes_the_goals_of_a_workflow_no_second_time():
    text, inner = "caption it", steps([{**ANSWER[1], "inputs": {"image": "$inputs.picture"}}], later=["picture"])
    say = Goal(id="say", goal=text, inputs={"picture": "$steps.load.image"})
    load = {"id": "load", "capability": "fetch", "inputs": {"url": "u"}}
    task = Task(workflow=Workflow(steps=(load, say)))
    planner = pipeline(decomposer := StubDecomposer({text: inner}))
    first = (await all_plans(planner, request(task)))[-1]

    (second,) = await all_plans(planner, request(task, epoch=2))

    assert len(decomposer.asked) == 1
    assert [planned.step for planned in second.steps] == [planned.step for planned in first.steps]


async def test_a_later_epoch_of_another_process_reads_the_steps_from_the_plan_in_hint():
    first = (await all_plans(pipeline(stub()), request()))[-1]

    (second,) = await all_plans(pipeline(stub(fails_after=0)), request(epoch=2, hint=first))

    assert [planned.work_key for planned in second.steps] == [planned.work_key for planned in first.steps]


async def test_a_goal_inside_a_declared_workflow_is_filled_in_and_its_readers_follow():
    fetch, *rest = ANSWER
    inner = steps([{**rest[0], "inputs": {"image": "$inputs.picture"}}], later=["picture"])
    text = "caption it"
    declared = Workflow(
        steps=(
            {"id": "load", "capability": "fetch", "inputs": {"url": "$inputs.url"}},
            Goal(id="say", goal=text, inputs={"picture": "$steps.load.image"}),
            {"id": "all", "capability": "merge", "inputs": {"texts": ["$steps.say.caption"]}},
        ),
        outputs={"result": "$steps.all", "text": "$steps.say.caption"},
    )
    task = Task(workflow=declared, inputs={"url": fetch["inputs"]["url"]})

    plans = await all_plans(pipeline(StubDecomposer({text: inner})), request(task))

    whole = plans[-1]
    assert [step.id for step in whole.steps] == ["load", "say/caption", "all"]
    assert whole.by_id["say/caption"].step.data_parents == ("load",)
    assert whole.by_id["all"].step.data_parents == ("say/caption",)
    assert {name: ref.step for name, ref in whole.outputs.items()} == {"result": "all", "text": "say/caption"}


async def test_work_in_flight_at_the_request_reaches_the_scheduler():
    first = (await all_plans(pipeline(stub()), request()))[-1]
    head = first.steps[0]
    flight = InFlight(work_key=head.work_key, agent=head.placement.agent, node="n2", elapsed_s=0.5)

    again = (await all_plans(pipeline(stub()), request(in_flight=(flight,))))[-1]

    assert again.steps[0].placement.node == "n2"


async def test_work_keys_do_not_depend_on_who_planned():
    (plan,) = await all_plans(pipeline(stub()), request(goal_task(mode=Mode.WAIT)))
    keys = work_keys(
        ((planned.step, CATALOG.by_name[planned.placement.agent].identity) for planned in plan.steps), InputDigests({})
    )

    assert {planned.id: planned.work_key for planned in plan.steps} == keys
    assert len({digest(key) for key in keys.values()}) == 3


class Cancelled:
    """A decomposer whose own asyncio task is cancelled, as by the scope of an HTTP client."""

    async def steps(self, goal, catalog):
        yield steps()[0]
        raise asyncio.CancelledError


async def test_a_decomposer_that_is_cancelled_from_inside_has_failed():
    with pytest.raises(DecomposeFailed, match="CancelledError"):
        await asyncio.wait_for(all_plans(pipeline(Cancelled()), request()), 10)


async def test_a_plan_that_waits_for_a_solver_when_the_planner_is_closed_fails():
    begun, free = threading.Event(), threading.Event()

    def solver(flat, request, costs, **more):
        begun.set()
        assert free.wait(30)
        return list_schedule(flat, request, costs)

    declared = request(Task(workflow=Workflow(steps=tuple(steps()))))
    planner = pipeline(solver=solver, settings=OptimalSettings(solves_at_once=1))
    running = asyncio.create_task(all_plans(planner, declared))
    await asyncio.to_thread(begun.wait, 30)
    waiting = asyncio.create_task(all_plans(planner, declared))
    await asyncio.sleep(0)
    planner.close()
    free.set()

    with pytest.raises(PlanningError, match="closed"):
        await asyncio.wait_for(waiting, 10)
    with pytest.raises(PlanningError, match="closed"):
        await all_plans(planner, declared)
    assert (await running)[-1].complete


class Counting:
    """A decomposer that records how many goals it works on at once."""

    def __init__(self):
        self.now = self.most = 0

    async def steps(self, goal, catalog):
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        yield steps()[0]


async def test_of_very_many_goals_a_bounded_number_is_decomposed_at_once():
    goals = tuple(Goal(id=f"g{number}", goal="x") for number in range(100))
    decomposer = Counting()
    plans = await all_plans(pipeline(decomposer), request(Task(workflow=Workflow(steps=goals))))

    assert len(plans[-1].steps) == 100
    assert 1 < decomposer.most <= 16


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has the priority of its process")
async def test_a_solve_gives_way_to_everything_else():
    niceness = []

    def solver(flat, request, costs, **_options):
        niceness.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return list_schedule(flat, request, costs)

    await all_plans(pipeline(solver=solver), request(Task(workflow=Workflow(steps=tuple(steps())))))

    assert niceness == [max(10, os.getpriority(os.PRIO_PROCESS, 0))]
