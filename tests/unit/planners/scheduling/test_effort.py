"""A search ends when it is told to, and otherwise at the same plan however busy the machine."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from schedule_questions import COSTS, question

from planners.scheduling.cancellation import CancellationToken
from planners.scheduling.cp_sat.solver import schedule
from planners.scheduling.list_scheduling.list_schedule import best_list_schedule, list_schedule
from planners.scheduling.validate import violations


@pytest.mark.parametrize("steps", [120, 400])
def test_a_search_is_stopped_from_another_thread_and_gives_its_best_plan(steps):
    flat, request = question(steps, 3, 0.3)
    stop = CancellationToken()
    timer = threading.Timer(0.5, stop.pull)
    timer.start()
    begun = time.monotonic()
    plan = schedule(flat, request, COSTS, time_limit_s=600, stop=stop)
    timer.join()
    assert time.monotonic() - begun < 60, "a hang guard: the search had minutes left"
    assert violations(plan, flat, request, COSTS) == []
    assert plan.objective <= best_list_schedule(flat, request, COSTS).objective


def test_a_search_that_is_stopped_before_it_began_gives_the_best_list_schedule():
    flat, request = question(40, 1, 0.3)
    stop = CancellationToken()
    stop.pull()
    plan = schedule(flat, request, COSTS, time_limit_s=600, stop=stop)
    lists = [make(flat, request, COSTS).objective for make in (list_schedule, best_list_schedule)]
    assert plan.objective == min(lists)


def test_pulling_calls_whoever_searches_at_that_time_only():
    stop, called = CancellationToken(), []
    with stop.calling(lambda: called.append("first")):
        pass
    with stop.calling(lambda: called.append("second")):
        stop.pull()
    assert (called, stop.pulled) == (["second"], True)


@pytest.mark.parametrize("steps", [60, 320])
def test_the_same_question_has_the_same_answer_on_a_busy_machine(steps):
    flat, request = question(steps, 2, 0.3)

    def plan(_: int) -> str:
        return schedule(flat, request, COSTS, time_limit_s=0.5 if steps < 300 else 1.0).model_dump_json()

    alone = plan(0)
    with ThreadPoolExecutor(3) as threads:
        assert set(threads.map(plan, range(3))) == {alone}
