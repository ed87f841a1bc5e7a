"""Equal values are the same work."""

import pytest

from planners.work_keys import InputDigests, work_keys
from planners.workflow import Step


def key(value):
    step = Step(id="s", capability="c", inputs={"x": {"value": value}})
    return work_keys([(step, "a@1")], InputDigests({}))["s"]


@pytest.mark.parametrize(("whole", "real"), [(1, 1.0), ({"n": [0, 2]}, {"n": [0.0, 2.0]}), (-(10**15), -1e15)])
def test_a_whole_number_is_the_same_work_however_it_is_written(whole, real):
    assert key(whole) == key(real)


@pytest.mark.parametrize(("one", "other"), [(1, 1.5), (1, True), (1, "1"), (0, None), (2**53, 2**53 + 1)])
def test_values_that_differ_are_different_work(one, other):
    assert key(one) != key(other)
