"""The speculation benchmark in virtual time: the real shard, planners, gate and learner, without Ray."""

import asyncio

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from benchmarks.speculation import run
from benchmarks.speculation.cases import cases
from benchmarks.speculation.virtual import virtual_service
from orchestrator.settings import Settings


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


def test_where_every_guess_is_wrong_forerun_is_as_fast_as_the_plan_cache(figures):
    adversarial = figures["adversarial"]
    assert adversarial["guesses"] > 0
    assert adversarial["slower_than_cache"] <= 0.01


def test_the_llm_takes_as_long_in_every_mode_that_asks_it(figures):
    plan_s = {figures["adversarial"][mode]["plan_s_mean"] for mode in ("wait", "streamed", "plan_cache", "forerun")}
    assert max(plan_s) - min(plan_s) < 0.01


def test_intervals_are_those_of_bursts_of_three_requests(figures):
    few = run(None, size=3, workloads=["unwilling"], without=["learning"], virtual=True)["unwilling"]

    assert (figures["warm"]["requests"], figures["warm"]["bursts"]) == (6, 2)
    assert figures["adversarial"]["streamed"]["share_interval"] is not None
    assert (few["requests"], few["bursts"], few["streamed"]["share_interval"]) == (3, 1, None)
    assert few["slower_than_cache_interval"] is None


def test_linear_algebra_has_one_thread_as_in_a_service():
    """Sums in another order give other models, and figures that depend on the number of cores."""

    async def threads():
        async with virtual_service(cases(None, 1, 1.0), ["unseen"], Settings(), 1.0, learns=False):
            return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    with threadpool_limits(limits=2):
        assert asyncio.run(threads()) <= {1}
