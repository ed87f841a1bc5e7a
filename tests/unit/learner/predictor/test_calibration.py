"""Calibration: few outcomes change little, and what chance alone does to the calibration error."""

import numpy as np

from learner.predictor.calibration import (
    IsotonicCalibration,
    chance_calibration_error,
    expected_calibration_error,
)


def outcomes(raw: float, rate: float, number: int) -> tuple[np.ndarray, np.ndarray]:
    """So many probabilities, of which a share came true."""
    return np.full(number, raw), (np.arange(number) < rate * number).astype(float)


def test_few_outcomes_change_a_probability_less_than_many():
    few = IsotonicCalibration.fit(*outcomes(0.8, 0.4, 50))(np.array([0.8]))[0]
    many = IsotonicCalibration.fit(*outcomes(0.8, 0.4, 5_000))(np.array([0.8]))[0]

    assert 0.39 < many < few < 0.8


def test_a_few_hundred_outcomes_tell_that_probabilities_are_far_too_high():
    """As with steps in free text, that hardly ever recur."""
    raw = np.random.default_rng(0).uniform(0.1, 0.9, 250)

    assert IsotonicCalibration.fit(raw, np.zeros(250))(np.array([0.3, 0.6])).max() < 0.1


def test_probabilities_that_are_right_stay_as_they_are():
    draw = np.random.default_rng(1)
    raw = draw.random(400)
    asked = np.array([0.2, 0.5, 0.8])

    calibrated = IsotonicCalibration.fit(raw, (draw.random(400) < raw).astype(float))(asked)

    assert np.allclose(calibrated, asked, atol=0.1)


def test_half_of_a_correction_lies_halfway():
    calibration = IsotonicCalibration(np.array([0.0, 1.0]), np.array([0.2, 0.6]))

    assert np.allclose(calibration.halved()(np.array([0.0, 0.5, 1.0])), [0.1, 0.45, 0.8])


def test_the_error_by_chance_is_that_of_perfect_probabilities_over_so_few_outcomes():
    draw = np.random.default_rng(1)
    claimed = draw.random(100)
    perfect = [expected_calibration_error(claimed, (draw.random(100) < claimed).astype(float)) for _ in range(200)]

    assert abs(chance_calibration_error(claimed) - np.mean(perfect)) < 0.01
    assert chance_calibration_error(draw.random(10_000)) < 0.02


def test_without_guesses_there_is_no_error():
    assert chance_calibration_error(np.zeros(0)) == 0
