import random

import pytest

from learner.online.drift import DriftMonitor


def fed(monitor, count, promised, truth, seed=0):
    """The number of guesses until the first alarm, or None."""
    draw = random.Random(seed)
    for number in range(count):
        monitor.observe(promised, survived=draw.random() < truth)
        if monitor.drifting:
            return number + 1
    return None


@pytest.mark.parametrize("promised", [0.3, 0.6, 0.9])
def test_promises_that_are_kept_raise_at_most_two_alarms_in_a_thousand_and_hardly_throttle(promised):
    monitor, draw = DriftMonitor(), random.Random(0)
    factors = []
    for _ in range(20_000):
        monitor.observe(promised, survived=draw.random() < promised)
        factors.append(monitor.throttle.factor)

    assert monitor.alarms <= 40
    assert sum(factors) / len(factors) > 0.98


def test_guesses_that_do_better_than_promised_raise_no_alarm():
    assert fed(DriftMonitor(), 5_000, 0.3, 0.9) is None


@pytest.mark.parametrize(("promised", "within"), [(0.9, 3), (0.6, 6)])
def test_a_switch_is_noticed_within_few_broken_promises_however_long_they_were_kept(promised, within):
    monitor = DriftMonitor()
    for number in range(1_000):
        monitor.observe(promised, survived=number % 10 < promised * 10)

    assert fed(monitor, 100, promised, 0.0) <= within
    assert monitor.alarms == 1


def test_guesses_that_share_a_fate_are_less_evidence_than_as_many_that_do_not():
    alone, together = DriftMonitor(), DriftMonitor()
    for number in range(3):
        alone.observe(0.9, survived=False)
        together.observe(0.9, survived=False, weight=1 / (number + 1))

    assert alone.throttle.factor < together.throttle.factor < 1.0


def test_three_kept_promises_end_a_throttle_as_three_broken_ones_began_it():
    """Guesses that are not dispatched are judged as well, so a closed gate can see that it could open."""
    monitor = DriftMonitor()
    fed(monitor, 30, 0.9, 0.0)
    factors = []
    for _ in range(3):
        monitor.observe(0.9, survived=True)
        factors.append(monitor.throttle.factor)

    assert factors == sorted(factors)
    assert factors[0] < 0.8
    assert factors[-1] > 0.9


def test_a_guess_that_was_promised_nothing_changes_nothing_much():
    monitor = DriftMonitor()
    monitor.observe(0.0, survived=True)
    monitor.observe(1.0, survived=False)

    assert 0.5 < monitor.throttle.factor < 1.0


def test_the_throttle_makes_promises_about_kept():
    """0.9 promised, 0.6 kept: about two thirds."""
    monitor = DriftMonitor()
    fed(monitor, 300, 0.9, 0.6)
    for number in range(300):
        monitor.observe(0.9, survived=number % 5 < 3)

    assert monitor.throttle.factor == pytest.approx(2 / 3, abs=0.1)
    assert not monitor.throttle.closed


def test_the_gate_closes_when_hardly_a_promise_is_kept_and_is_tried_again_later():
    monitor = DriftMonitor()
    for _ in range(40):
        monitor.observe(0.9, survived=False)
    assert monitor.throttle.closed

    for _ in range(50):
        monitor.tick()
    assert not monitor.throttle.closed
    assert monitor.throttle.factor < 0.5


def test_kept_promises_lift_the_throttle():
    monitor = DriftMonitor()
    for _ in range(40):
        monitor.observe(0.9, survived=False)
    for _ in range(100):
        monitor.observe(0.9, survived=True)

    assert not monitor.drifting
    assert monitor.throttle.factor == 1.0
    assert monitor.alarms == 1


def test_learning_to_promise_less_lifts_the_throttle_too():
    """After a switch to a kind of task that cannot be guessed, modest claims are honest claims."""
    monitor = DriftMonitor()
    for _ in range(40):
        monitor.observe(0.9, survived=False)
    for number in range(150):
        monitor.observe(0.1, survived=number % 10 == 0)

    assert not monitor.drifting
