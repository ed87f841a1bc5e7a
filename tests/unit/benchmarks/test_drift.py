"""The drift benchmark: rounds of several seeds."""

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from benchmarks import drift


@pytest.fixture
def rounds(monkeypatch):
    """How many threads linear algebra had in each round. Odd seeds do not recover."""
    threads = []

    def played(_data, _before, _after, _held_out, seed):
        threads.append({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"})
        return {"outcomes_to_recover": 10 * seed, "outcomes_to_stay": None if seed % 2 else 20 * seed}

    monkeypatch.setattr(drift, "_round", played)
    return threads


def test_a_seed_that_does_not_recover_is_the_worst(rounds, tmp_path):
    found = drift.run(tmp_path, seed=1, seeds=4)

    assert found["outcomes_to_recover"] == 10
    assert found["over_seeds"]["outcomes_to_recover"] == {"each": [10, 20, 30, 40], "median": 30, "worst": 40}
    assert found["over_seeds"]["outcomes_to_stay"] == {"each": [None, 40, None, 80], "median": None, "worst": None}


def test_linear_algebra_has_one_thread_as_in_a_service(rounds, tmp_path):
    """Sums in another order give other models, and figures that depend on the number of cores."""
    with threadpool_limits(limits=2):
        drift.run(tmp_path)

    assert rounds[0] <= {1}
