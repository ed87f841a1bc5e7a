"""A complete schedule, whole and step by step."""

import numpy as np
from schedule_questions import COSTS, question

from planners.scheduling.list_scheduling.heft import heft
from planners.scheduling.list_scheduling.schedule import Schedule, ScheduleArrays
from planners.scheduling.problem.build import build_problem

ROWS = [(1, 0), (2, 3), (0, 4), (5, 9)]


def schedule(rows=ROWS, usd=1.0):
    return Schedule(ScheduleArrays(*(np.array(row, np.int64) for row in rows)), usd, 9.0)


def test_its_steps_are_those_of_its_arrays():
    one = schedule()

    assert [one.mode, one.node, one.start, one.end] == ROWS
    assert one.makespan == 9


def test_schedules_are_equal_if_all_steps_cost_and_value_are():
    assert schedule() == schedule()
    assert len({schedule(), schedule()}) == 1
    assert schedule() != schedule([ROWS[0], (2, 2), *ROWS[2:]])
    assert schedule() != schedule(usd=2.0)
    assert schedule() != ROWS


def test_no_steps_end_at_0():
    assert schedule([()] * 4).makespan == 0


def test_steps_have_plain_integers():
    found = heft(build_problem(*question(30, 1), COSTS))

    assert {type(number) for row in (found.mode, found.node, found.start, found.end) for number in row} == {int}
