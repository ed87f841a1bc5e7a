"""Task ids sort by admission and know their shard."""

from collections import Counter

import pytest

from orchestrator.gateway.task_ids import Share, new_task_id, shard_of
from planners.model import TaskId
from reconciler.errors import UnknownTask


def test_ids_sort_by_the_moment_of_admission():
    ids = [new_task_id(1_700_000_000 + 0.01 * number, f"key {number % 3}") for number in range(100)]

    assert ids == sorted(ids)


def test_a_repeated_key_reaches_the_same_shard_at_any_moment():
    assert len({shard_of(new_task_id(moment, "key"), 7) for moment in range(50)}) == 1


def test_tasks_spread_over_all_shards():
    counted = Counter(shard_of(new_task_id(0.0), 4) for _ in range(400))

    assert set(counted) == {0, 1, 2, 3}
    assert max(counted.values()) < 200


def test_a_task_without_a_key_falls_to_the_shard_that_admits_it():
    ids = [new_task_id(0.0, share=Share(2, 3)) for _ in range(50)]

    assert {shard_of(task, 3) for task in ids} == {2}
    assert len(set(ids)) == 50
    assert new_task_id(0.0, "key", Share(0, 3)) == new_task_id(0.0, "key", Share(1, 3))


@pytest.mark.parametrize("wrong", ["", "t1", "../etc", "t000000000000-000000000000000g", "x" * 500])
def test_an_invalid_id_is_an_unknown_task(wrong):
    with pytest.raises(UnknownTask):
        shard_of(TaskId(wrong), 3)
