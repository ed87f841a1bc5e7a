import numpy as np
import pytest

from learner.platt_scaling import PlattScaling, ScalingPrior

WIDE, NARROW = ScalingPrior(3.0, 1.0, 0.005), ScalingPrior(0.3, 0.3, 0.005)


def overconfident(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Claims of 0.8 of which half came true."""
    return np.full(number, 0.8), np.arange(number) % 2.0


def test_without_outcomes_scaling_changes_nothing():
    unchanged = PlattScaling.fit(np.zeros(0), np.zeros(0), NARROW)

    assert unchanged(np.array([0.2, 0.9])) == pytest.approx([0.2, 0.9])


def test_the_narrower_the_prior_the_less_few_outcomes_change():
    asked = np.array([0.8])
    wide, narrow = (PlattScaling.fit(*overconfident(10), prior)(asked)[0] for prior in (WIDE, NARROW))

    assert 0.5 < wide < narrow < 0.8
    assert PlattScaling.fit(*overconfident(10_000), NARROW)(asked)[0] == pytest.approx(0.5, abs=0.01)


def test_an_outcome_of_weight_two_counts_as_two():
    claimed, came_true = np.array([0.3, 0.6, 0.9]), np.array([0.0, 0.0, 1.0])

    weighted = PlattScaling.fit(claimed, came_true, WIDE, np.array([1.0, 2.0, 1.0]))
    repeated = PlattScaling.fit(claimed[[0, 1, 1, 2]], came_true[[0, 1, 1, 2]], WIDE)

    assert weighted.parameters == pytest.approx(repeated.parameters, abs=1e-4)


def test_claims_are_never_taken_to_be_certain():
    unchanged = PlattScaling.fit(np.zeros(0), np.zeros(0), WIDE)

    assert unchanged(np.array([0.0, 1.0])) == pytest.approx([0.005, 0.995])
