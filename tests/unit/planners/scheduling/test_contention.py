"""How contended the cluster is while steps run."""

import numpy as np
import pytest

from planners.scheduling.list_scheduling.contention import contention
from planners.scheduling.list_scheduling.schedule import Schedule, ScheduleArrays


def schedule(*spans):
    start, end = np.array(spans, np.int64).T
    return Schedule(ScheduleArrays(np.zeros_like(start), np.zeros_like(start), start, end), 0.0, 0.0)


def test_a_step_alone_is_weighted_by_a_power_of_its_own_share():
    assert contention(schedule((0, 10)), np.array([0.5])).tolist() == [pytest.approx(0.5**4)]


def test_a_step_is_weighted_by_the_mean_over_its_time():
    found = contention(schedule((0, 10), (5, 10), (20, 30)), np.array([0.5, 0.5, 0.0]))

    assert found.tolist() == [pytest.approx((0.5**4 + 1) / 2), pytest.approx(1.0), 0.0]


def test_more_than_the_whole_cluster_is_the_whole_and_a_step_without_time_has_no_weight():
    assert contention(schedule((0, 10), (0, 10), (4, 4)), np.array([0.8, 0.8, 1.0])).tolist() == [1.0, 1.0, 0.0]
