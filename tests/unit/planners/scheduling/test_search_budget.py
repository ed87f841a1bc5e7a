"""A search ends when it is cancelled, and otherwise at the same plan on any machine."""

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
def test_a_search_cancelled_from_another_thread_returns_its_best_plan(steps):
    flat, request = question(steps, 3, 0.3)
    token = CancellationToken()
    timer = threading.Timer(0.5, token.cancel)
    timer.start()
    begun = time.monotonic()
    plan = schedule(flat, request, COSTS, time_limit_s=600, cancellation=token)
    timer.join()
    assert time.monotonic() - begun < 60, "a hang guard: the search had minutes left"
    assert violations(plan, flat, request, COSTS) == []
    assert plan.objective <= best_list_schedule(flat, request, COSTS).objective


def test_a_search_cancelled_before_it_starts_returns_the_best_list_schedule():
    flat, request = question(40, 1, 0.3)
    token = CancellationToken()
    token.cancel()
    plan = schedule(flat, request, COSTS, time_limit_s=600, cancellation=token)
    lists = [make(flat, request, COSTS).objective for make in (list_schedule, best_list_schedule)]
    assert plan.objective == min(lists)


def test_cancelling_calls_only_the_callbacks_registered_at_that_time():
    token, called = CancellationToken(), []
    with token.on_cancel(lambda: called.append("first")):
        pass
    with token.on_cancel(lambda: called.append("second")):
        token.cancel()
    assert (called, token.cancelled) == (["second"], True)


@pytest.mark.parametrize("steps", [60, 320])
def test_equal_requests_have_equal_plans_on_a_busy_machine(steps):
    flat, request = question(steps, 2, 0.3)

    def plan(_: int) -> str:
        return schedule(flat, request, COSTS, time_limit_s=0.5 if steps < 300 else 1.0).model_dump_json()

    alone = plan(0)
    with ThreadPoolExecutor(3) as threads:
        assert set(threads.map(plan, range(3))) == {alone}
