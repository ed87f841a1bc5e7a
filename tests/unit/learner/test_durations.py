import numpy as np
import pytest

from learner.models.durations import DurationModel, feature_matrix, fit_durations, pinball_loss
from learner.models.learned_costs import LearnedCosts
from learner.models.trees import Trees
from learner.online.duration_windows import DurationWindow, ObservedDuration, kaplan_meier_weights
from planners.agents import AgentSpec
from planners.costs import Estimate
from planners.workflow import Step


def observations(count, seed=0):
    """Seconds that double with every unit of ``input:n``, with noise; ``input:m`` means nothing."""
    draw = np.random.default_rng(seed)
    n, m = draw.integers(0, 5, count), draw.random(count)
    seconds = 2.0**n * np.exp(draw.normal(0, 0.2, count))
    return [{"input:n": float(a), "input:m": float(b)} for a, b in zip(n, m, strict=True)], seconds


def test_a_few_outcomes_move_the_prior_a_little_and_many_replace_it():
    prior = Estimate(1.0, 1.0, 2.0)

    assert ObservedDuration(1, 5.0, 5.0, 5.0).shrunk(prior).mean_s == pytest.approx(2.0)
    assert ObservedDuration(1_000, 5.0, 5.0, 5.0).shrunk(prior).mean_s == pytest.approx(5.0, abs=0.02)


def test_a_window_forgets_old_durations():
    window = DurationWindow(size=100)
    for seconds in [100.0] * 500 + [1.0] * 100:
        window.add_finished(seconds, 10)

    assert window.observed() == ObservedDuration(100, 1.0, 1.0, 1.0, 10.0)


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


def test_uninformative_inputs_make_no_better_model():
    """Against plain quantiles of the same outcomes."""
    features, _ = observations(1_000)
    fitted = fit_durations(features, np.exp(np.random.default_rng(3).normal(size=1_000)))

    assert not fitted.better


def test_a_challenger_that_is_no_better_does_not_replace_its_champion():
    rows = observations(2_000)
    champion = fit_durations(*rows).model

    assert not fit_durations(*rows, champion).better


@pytest.mark.parametrize("count", [0, 1, 50])
def test_too_few_outcomes_make_no_model(count):
    assert fit_durations(*observations(count)) is None


def test_features_that_never_vary_are_left_out():
    names, x = feature_matrix([{"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 3.0}, {"a": 1.0}])

    assert names == ("b",)
    assert x.shape == (3, 1)


def test_the_pinball_loss_is_least_at_the_quantile():
    y = np.arange(101.0)
    losses = [pinball_loss(y, np.full(101, guess), 0.9) for guess in (80.0, 90.0, 99.0)]

    assert min(losses) == losses[1]


def test_a_million_rows_take_no_longer_than_the_newest_twenty_thousand():
    """A hang guard: the bound is on rows, not on time."""
    features, seconds = observations(1_000)

    assert fit_durations(features * 1_000, np.tile(seconds, 1_000)).better


def cut_at(seconds, seed=0):
    """Durations as observed when a plan arrives after 0 to 4 s: (seconds, whether the attempt had finished)."""
    ends = np.random.default_rng(seed).uniform(0, 4, len(seconds))
    return np.minimum(seconds, ends), seconds <= ends


def test_censored_durations_keep_quantiles_from_falling():
    """Exponential seconds of median 0.69; the median of those that finished in time is far lower."""
    seconds, finished = cut_at(np.random.default_rng(1).exponential(1.0, 4_000))
    window = DurationWindow(size=4_000)
    for value, ended in zip(seconds, finished, strict=True):
        if ended:
            window.add_finished(float(value), 1)
        else:
            window.add_censored(float(value))
    seen = window.observed()

    assert np.median(seconds[finished]) < 0.55
    assert seen.p50_s == pytest.approx(np.log(2), rel=0.08)
    assert seen.p90_s == pytest.approx(np.log(10), rel=0.15)
    assert seen.outcomes == finished.sum()


def test_weights_are_the_steps_of_the_kaplan_meier_curve():
    """Two finished at 1 and 3, one was censored at 2: its weight goes to the one that lasted longer."""
    weights = kaplan_meier_weights(np.array([3.0, 1.0, 2.0]), np.array([True, True, False]))

    assert weights == pytest.approx([2 / 3, 1 / 3, 0.0])
    assert kaplan_meier_weights(np.array([1.0, 2.0]), np.array([True, False])) == pytest.approx([0.5, 0.5])
    assert kaplan_meier_weights(np.array([1.0, 1.0]), np.array([False, True])).sum() == pytest.approx(1.0)


def test_a_window_without_a_finished_attempt_has_no_statistics():
    window = DurationWindow()
    window.add_censored(5.0)

    assert window.observed() is None


def test_censored_durations_do_not_bias_boosted_quantiles():
    """Most of the longest attempts were flushed, so the median of the finished ones is too low."""
    features, seconds = observations(3_000)
    ends = np.random.default_rng(3).uniform(0, 40, len(seconds))
    seen, finished = np.minimum(seconds, ends), seconds <= ends
    knowing = fit_durations(features, seen, finished=finished).model.estimate({"input:n": 4.0, "input:m": 0.5})
    kept = [row for row, ended in zip(features, finished, strict=True) if ended]
    ignorant = fit_durations(kept, seen[finished]).model.estimate({"input:n": 4.0, "input:m": 0.5})

    assert abs(knowing.p50_s - 16.0) <= abs(ignorant.p50_s - 16.0)
    assert knowing.p50_s == pytest.approx(16.0, rel=0.1)


def test_what_was_estimated_is_not_estimated_again(monkeypatch):
    asked = []
    monkeypatch.setattr(DurationModel, "estimate_of", lambda _, row: asked.append(row) or Estimate(1.0, 1.0, 2.0))
    model = DurationModel(("parents",), Trees(()), Trees(()), 1.0)
    costs = LearnedCosts(models={"worker": model})
    agent = AgentSpec(name="worker", capability="work")
    steps = [Step(id=f"s{number}", capability="work") for number in range(3)]

    assert [costs.duration(agent, step).p90_s for step in steps] == [2.0] * 3
    assert asked == [(0.0,)]


def test_many_steps_are_estimated_like_one():
    trees = DurationModel(("parents",), Trees(()), Trees(()), 1.0)
    seen = DurationWindow()
    for seconds in (3.0, 4.0, 5.0):
        seen.add_finished(seconds, 10)
    costs = LearnedCosts(models={"modelled": trees}, observed={"seen": seen.observed()})
    agents = [AgentSpec(name=name, capability="work", expected_s=9.0) for name in ("modelled", "seen", "unknown")]
    steps = [Step(id=f"s{number}", capability="work") for number in range(20)]

    singly = [[costs.duration(agent, step).mean_s for agent in agents] for step in steps]
    assert costs.mean_durations_s(agents, steps).tolist() == singly
    assert costs.accepts_all(agents, steps)
