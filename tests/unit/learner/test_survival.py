import numpy as np
import pytest

from learner.models.survival import FEATURES, feature_row, fit_survival
from learner.online.survival_rates import SURVIVAL_PRIOR, SurvivalRates


def rows(count, seed=0, truth=lambda claimed, rate: claimed * rate):
    draw = np.random.default_rng(seed)
    claimed, rate = draw.random(count), draw.random(count)
    x = np.array([feature_row(c, (r, 0.5, 0.5), 1.0, 0.0) for c, r in zip(claimed, rate, strict=True)])
    groups = [f"t{n // 3}" for n in range(count)]
    return x.reshape(count, len(FEATURES)), draw.random(count) < truth(claimed, rate), groups, claimed


def test_an_unknown_kind_or_agent_has_the_prior():
    assert SurvivalRates().features("k", "a") == (SURVIVAL_PRIOR, SURVIVAL_PRIOR, SURVIVAL_PRIOR)


def test_the_prior_of_a_pair_comes_from_its_kind_and_its_agent():
    rates = SurvivalRates()
    for _ in range(200):
        rates.add("good", "a", survived=True)
        rates.add("bad", "b", survived=False)

    assert rates.features("good", "a")[2] > 0.95
    assert rates.features("bad", "b")[2] < 0.05
    assert 0.3 < rates.features("good", "b")[2] < 0.7


def test_rates_follow_a_change():
    rates = SurvivalRates()
    for survived in [True] * 1_000 + [False] * 300:
        rates.add("k", "a", survived=survived)

    assert rates.by_agent()["a"] < 0.15


def test_rates_are_bounded_and_drop_the_entry_used_longest_ago():
    rates = SurvivalRates(max_entries=50)
    for number in range(1_000):
        rates.add(f"k{number}", "a", survived=True)

    assert rates.features("k999", "a")[0] > rates.features("k0", "a")[0]
    assert set(rates.by_agent()) == {"a"}


def test_a_copy_is_independent():
    rates = SurvivalRates()
    copy = rates.copy()
    rates.add("k", "a", survived=False)

    assert copy.features("k", "a") == (SURVIVAL_PRIOR, SURVIVAL_PRIOR, SURVIVAL_PRIOR)


def test_the_model_beats_claims_that_ignore_the_kind_of_task():
    """Survival is claimed * rate of the kind; the claims know nothing of the kind."""
    fitted = fit_survival(*rows(4_000))

    assert fitted.better
    for claimed, rate in [(0.9, 0.9), (0.9, 0.2), (0.3, 0.3)]:
        p = fitted.model.probability(feature_row(claimed, (rate, 0.5, 0.5), 1.0, 0.0))
        assert p == pytest.approx(claimed * rate, abs=0.15)


def test_the_model_does_not_replace_accurate_claims():
    assert not fit_survival(*rows(2_000, truth=lambda claimed, _: claimed)).better


def test_claims_suffice_if_they_are_accurate_and_the_probabilities_in_use_were_not():
    """The gate used half of the true probabilities; the claims are accurate."""
    x, survived, groups, claimed = rows(3_000, truth=lambda claimed, _: claimed)

    assert fit_survival(x, survived, groups, claimed / 2).claims_suffice
    assert not fit_survival(x, survived, groups, claimed).claims_suffice
    assert not fit_survival(*rows(3_000)).claims_suffice


def test_the_model_is_monotone_in_the_claim():
    model = fit_survival(*rows(2_000)).model
    answers = [model.probability(feature_row(c, (0.8, 0.5, 0.5), 1.0, 0.0)) for c in np.linspace(0, 1, 21)]

    assert answers == sorted(answers)
    assert all(0 <= p <= 1 for p in answers)


@pytest.mark.parametrize("count", [0, 1, 100])
def test_too_few_outcomes_make_no_model(count):
    assert fit_survival(*rows(count)) is None


@pytest.mark.parametrize("end", [0.0, 1.0], ids=["all failed", "all survived"])
def test_one_class_makes_no_model(end):
    assert fit_survival(*rows(1_000, truth=lambda claimed, _: np.full(len(claimed), end))) is None


def test_one_huge_task_makes_no_model():
    x, survived, _, used = rows(1_000)

    assert fit_survival(x, survived, ["t"] * 1_000, used) is None


def test_a_million_rows_are_bounded():
    """A hang guard: only the newest 20,000 are trained on."""
    x, survived, groups, used = rows(20_000)
    many = [np.tile(x, (50, 1)), np.tile(survived, 50), groups * 50, np.tile(used, 50)]

    assert fit_survival(*many) is not None


def test_training_is_deterministic():
    assert fit_survival(*rows(1_000)).text == fit_survival(*rows(1_000)).text
