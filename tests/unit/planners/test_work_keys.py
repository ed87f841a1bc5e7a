"""Equal values are the same work."""

import pytest

from planners.occurrences import with_number
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


def test_numbers_that_are_taken_are_given_to_no_like_step():
    steps = [(Step(id=f"s{n}", capability="c"), "a@1") for n in range(6)]
    all_keys = work_keys(steps, InputDigests({}))
    first = all_keys["s0"]

    left = work_keys([steps[0], steps[3], steps[5]], InputDigests({}), repeats={first: ((1, 3), (4, 5))})

    assert left == {name: all_keys[name] for name in ("s0", "s3", "s5")}


def test_the_key_of_a_finished_step_is_given_to_no_like_step():
    steps = [(Step(id=f"s{n}", capability="c"), "a@1") for n in range(3)]
    all_keys = work_keys(steps, InputDigests({}))

    again = work_keys([steps[2], *steps[:2]], InputDigests({}), finished={"s2": all_keys["s0"]})

    assert list(again.values()) == [all_keys["s0"], all_keys["s1"], all_keys["s2"]]


@pytest.mark.parametrize(
    ("taken", "number", "merged"),
    [
        ((), 3, ((3, 4),)),
        (((1, 3),), 3, ((1, 4),)),
        (((1, 3), (4, 6)), 3, ((1, 6),)),
        (((4, 6),), 0, ((0, 1), (4, 6))),
        (((1, 3),), 2, ((1, 3),)),
    ],
)
def test_neighbouring_numbers_are_one_range(taken, number, merged):
    assert with_number(taken, number) == merged
