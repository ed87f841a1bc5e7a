import random

import pytest

from learner.online.drift import DriftMonitor


def fed(monitor, count, predicted, truth, seed=0):
    """The number of guesses until the first alarm, or None."""
    draw = random.Random(seed)
    for number in range(count):
        monitor.observe_guess(predicted, survived=draw.random() < truth)
        if monitor.drifting:
            return number + 1
    return None


@pytest.mark.parametrize("predicted", [0.3, 0.6, 0.9])
def test_accurate_predictions_raise_at_most_two_alarms_in_a_thousand_and_hardly_throttle(predicted):
    monitor, draw = DriftMonitor(), random.Random(0)
    factors = []
    for _ in range(20_000):
        monitor.observe_guess(predicted, survived=draw.random() < predicted)
        factors.append(monitor.throttle.factor)

    assert monitor.alarms <= 40
    assert sum(factors) / len(factors) > 0.98


def test_guesses_that_survive_more_often_than_predicted_raise_no_alarm():
    assert fed(DriftMonitor(), 5_000, 0.3, 0.9) is None


@pytest.mark.parametrize(("predicted", "within"), [(0.9, 3), (0.6, 6)])
def test_a_change_is_detected_within_a_few_flushed_guesses_however_long_the_stable_period(predicted, within):
    monitor = DriftMonitor()
    for number in range(1_000):
        monitor.observe_guess(predicted, survived=number % 10 < predicted * 10)

    assert fed(monitor, 100, predicted, 0.0) <= within
    assert monitor.alarms == 1


def test_dependent_guesses_are_weaker_evidence_than_independent_ones():
    independent, dependent = DriftMonitor(), DriftMonitor()
    for number in range(3):
        independent.observe_guess(0.9, survived=False)
        dependent.observe_guess(0.9, survived=False, weight=1 / (number + 1))

    assert independent.throttle.factor < dependent.throttle.factor < 1.0


def test_three_surviving_guesses_end_a_throttle_that_three_flushed_ones_began():
    """Guesses that are not dispatched get a verdict as well, so a closed gate learns when it can open."""
    monitor = DriftMonitor()
    fed(monitor, 30, 0.9, 0.0)
    factors = []
    for _ in range(3):
        monitor.observe_guess(0.9, survived=True)
        factors.append(monitor.throttle.factor)

    assert factors == sorted(factors)
    assert factors[0] < 0.8
    assert factors[-1] > 0.9


def test_a_verdict_that_contradicts_certainty_changes_little():
    monitor = DriftMonitor()
    monitor.observe_guess(0.0, survived=True)
    monitor.observe_guess(1.0, survived=False)

    assert 0.5 < monitor.throttle.factor < 1.0


def test_the_throttle_corrects_predictions():
    """0.9 predicted, 0.6 survive: about two thirds."""
    monitor = DriftMonitor()
    fed(monitor, 300, 0.9, 0.6)
    for number in range(300):
        monitor.observe_guess(0.9, survived=number % 5 < 3)

    assert monitor.throttle.factor == pytest.approx(2 / 3, abs=0.1)
    assert not monitor.throttle.closed


def test_the_gate_closes_when_hardly_any_guess_survives_and_is_probed_again_later():
    monitor = DriftMonitor()
    for _ in range(40):
        monitor.observe_guess(0.9, survived=False)
    assert monitor.throttle.closed

    for _ in range(50):
        monitor.observe_confirmed()
    assert not monitor.throttle.closed
    assert monitor.throttle.factor < 0.5


def test_surviving_guesses_lift_the_throttle():
    monitor = DriftMonitor()
    for _ in range(40):
        monitor.observe_guess(0.9, survived=False)
    for _ in range(100):
        monitor.observe_guess(0.9, survived=True)

    assert not monitor.drifting
    assert monitor.throttle.factor == 1.0
    assert monitor.alarms == 1


def test_lower_predictions_lift_the_throttle_too():
    """After a change to a kind of task that cannot be guessed, low predictions are accurate."""
    monitor = DriftMonitor()
    for _ in range(40):
        monitor.observe_guess(0.9, survived=False)
    for number in range(150):
        monitor.observe_guess(0.1, survived=number % 10 == 0)

    assert not monitor.drifting
