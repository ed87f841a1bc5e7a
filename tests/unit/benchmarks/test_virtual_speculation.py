"""The speculation benchmark in virtual time: the real shard, planners, gate and learner, without Ray."""

import pytest

from benchmarks.speculation import run


@pytest.fixture(scope="module")
def figures():
    return run(None, size=6, workloads=["warm", "adversarial"], virtual=True)


def test_known_requests_save_nearly_all_that_can_be_saved(figures):
    assert figures["warm"]["share_of_attainable"] > 0.95
    assert figures["warm"]["waste"] == 0


def test_streaming_saves_less_than_guessing_and_no_mode_beats_the_oracle(figures):
    warm = figures["warm"]
    assert warm["oracle"]["t_s_mean"] <= warm["forerun"]["t_s_mean"] < warm["streamed"]["t_s_mean"]
    assert warm["streamed"]["t_s_mean"] <= warm["wait"]["t_s_mean"]


def test_wrong_guesses_are_flushed(figures):
    assert figures["adversarial"]["rates"]["flush"] == 1
