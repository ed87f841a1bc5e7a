import numpy as np
import pytest

from learner.durations import DurationWindow, Observed, fit_durations, matrix, pinball
from planners.costs import Estimate


def observations(count, seed=0):
    """Seconds that double with every unit of ``input:n``, with noise; ``input:m`` means nothing."""
    draw = np.random.default_rng(seed)
    n, m = draw.integers(0, 5, count), draw.random(count)
    seconds = 2.0**n * np.exp(draw.normal(0, 0.2, count))
    return [{"input:n": float(a), "input:m": float(b)} for a, b in zip(n, m, strict=True)], seconds


def test_a_few_outcomes_move_the_prior_a_little_and_many_replace_it():
    prior = Estimate(1.0, 1.0, 2.0)

    assert Observed(1, 5.0, 5.0, 5.0).shrunk(prior).mean_s == pytest.approx(2.0)
    assert Observed(1_000, 5.0, 5.0, 5.0).shrunk(prior).mean_s == pytest.approx(5.0, abs=0.02)


def test_a_window_forgets_what_is_old():
    window = DurationWindow(size=100)
    for seconds in [100.0] * 500 + [1.0] * 100:
        window.add(seconds, 10)

    assert window.observed() == Observed(100, 1.0, 1.0, 1.0, 10.0)


def test_quantiles_follow_the_inputs():
    fitted = fit_durations(*observations(2_000))

    assert fitted.better
    for n in range(5):
        estimate = fitted.model.estimate({"input:n": float(n), "input:m": 0.5})
        assert estimate.p50_s == pytest.approx(2.0**n, rel=0.2)
        assert estimate.p50_s < estimate.p90_s < 2 * estimate.p50_s
        assert estimate.mean_s == pytest.approx(2.0**n * np.exp(0.02), rel=0.2)


def test_a_missing_input_still_has_an_estimate():
    assert fit_durations(*observations(2_000)).model.estimate({}).p50_s > 0


def test_inputs_that_tell_nothing_win_nothing():
    """Against plain quantiles of the same outcomes."""
    features, _ = observations(1_000)
    fitted = fit_durations(features, np.exp(np.random.default_rng(3).normal(size=1_000)))

    assert not fitted.better


def test_a_challenger_no_better_than_its_champion_stays_one():
    rows = observations(2_000)
    champion = fit_durations(*rows).model

    assert not fit_durations(*rows, champion).better


@pytest.mark.parametrize("count", [0, 1, 50])
def test_too_little_is_not_learned_from(count):
    assert fit_durations(*observations(count)) is None


def test_features_that_never_vary_are_left_out():
    names, x = matrix([{"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 3.0}, {"a": 1.0}])

    assert names == ("b",)
    assert x.shape == (3, 1)


def test_the_pinball_loss_is_least_at_the_quantile():
    y = np.arange(101.0)
    losses = [pinball(y, np.full(101, guess), 0.9) for guess in (80.0, 90.0, 99.0)]

    assert min(losses) == losses[1]


def test_a_million_rows_take_no_longer_than_the_newest_twenty_thousand():
    """A hang guard: the bound is on rows, not on time."""
    features, seconds = observations(1_000)

    assert fit_durations(features * 1_000, np.tile(seconds, 1_000)).better
