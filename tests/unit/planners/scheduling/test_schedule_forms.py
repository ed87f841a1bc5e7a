"""A schedule has the same content as tuples and as arrays, whichever it was made of."""

import numpy as np
import pytest
from schedule_questions import COSTS, question

from planners.scheduling.list_scheduling.heft import heft
from planners.scheduling.list_scheduling.schedule import Schedule, ScheduleArrays, ScheduleTuples
from planners.scheduling.problem.build import build_problem

ROWS = ScheduleTuples(mode=(1, 0), node=(2, 3), start=(0, 4), end=(5, 9))


def of_arrays(rows):
    return ScheduleArrays(*(np.array(row, np.int64) for row in rows))


@pytest.mark.parametrize("rows", [ROWS, of_arrays(ROWS)], ids=["tuples", "arrays"])
def test_both_forms_have_the_same_content(rows):
    schedule = Schedule(rows, 1.0, 9.0)

    assert (schedule.mode, schedule.node, schedule.start, schedule.end) == ROWS
    assert [row.tolist() for row in schedule.arrays] == [list(row) for row in ROWS]
    assert schedule.makespan == 9


def test_equality_does_not_depend_on_the_form():
    one, other = Schedule(ROWS, 1.0, 9.0), Schedule(of_arrays(ROWS), 1.0, 9.0)

    assert one == other
    assert len({one, other}) == 1
    assert one != Schedule(ROWS._replace(node=(2, 2)), 1.0, 9.0)
    assert one != Schedule(ROWS, 2.0, 9.0)
    assert one != ROWS


@pytest.mark.parametrize("rows", [ScheduleTuples((), (), (), ()), of_arrays([()] * 4)], ids=["tuples", "arrays"])
def test_no_steps_end_at_0(rows):
    assert Schedule(rows, 0.0, 0.0).makespan == 0


def test_tuples_hold_plain_integers():
    problem = build_problem(*question(30, 1), COSTS)
    schedule = Schedule(heft(problem).arrays, 0.0, 0.0)

    assert {type(number) for row in schedule.tuples for number in row} == {int}
