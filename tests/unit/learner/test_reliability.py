import numpy as np
import pytest

from learner.online.claim_calibration import fit_calibration, fit_logistic_calibration
from learner.online.reliability import CalibrationReport, ReliabilityCurve, calibration_report


def test_accurate_claims_have_no_calibration_error():
    claimed = np.repeat([0.25, 0.75], 1000)
    survived = np.concatenate([np.arange(1000) < 250, np.arange(1000) < 750])
    report = calibration_report(claimed, survived)

    assert report.ece == pytest.approx(0.0, abs=1e-9)
    assert report.brier == pytest.approx(0.25 * 0.75)


def test_overconfident_claims_show_as_their_distance_from_the_truth():
    """0.9 claimed, half survived: an error of 0.4, in one bin."""
    report = calibration_report([0.9] * 100, [True, False] * 50)

    assert report.ece == pytest.approx(0.4)
    assert [(b.low, b.count, b.observed) for b in report.bins] == [(0.9, 100, pytest.approx(0.5))]


def test_a_running_curve_equals_the_curve_of_everything_at_once():
    draw = np.random.default_rng(0)
    claimed = draw.random(500)
    survived = draw.random(500) < claimed
    running = ReliabilityCurve()
    for p, y in zip(claimed, survived, strict=True):
        running.add(p, survived=y)

    whole = calibration_report(claimed, survived)
    assert running.report().ece == pytest.approx(whole.ece)
    assert running.report().brier == pytest.approx(whole.brier)


def test_an_empty_history_has_no_figures():
    assert calibration_report([], []) == CalibrationReport()


@pytest.mark.parametrize("fit", [fit_calibration, fit_logistic_calibration])
def test_calibration_corrects_overconfident_claims(fit):
    draw = np.random.default_rng(1)
    claimed = draw.random(3000)
    survived = draw.random(3000) < claimed**2
    calibrated = fit(claimed, survived)
    fresh = draw.random(3000)
    truth = draw.random(3000) < fresh**2

    before = calibration_report(fresh, truth).ece
    after = calibration_report([calibrated.of(p) for p in fresh], truth).ece
    assert before > 0.1
    assert after < 0.05


@pytest.mark.parametrize("fit", [fit_calibration, fit_logistic_calibration])
def test_without_outcomes_calibration_is_the_identity(fit):
    assert fit([], []).of(0.37) == pytest.approx(0.37, abs=0.01)


@pytest.mark.parametrize("fit", [fit_calibration, fit_logistic_calibration])
@pytest.mark.parametrize("kept", [True, False])
def test_one_class_only_moves_the_map_gradually(kept, fit):
    """Three outcomes move the map a little, three hundred all the way."""
    few, many = (fit([0.5] * n, [kept] * n).of(0.5) for n in (3, 300))

    assert abs(few - kept) > abs(many - kept)
    assert many == pytest.approx(float(kept), abs=0.05)


def test_few_outcomes_of_calibrated_claims_hardly_move_the_map():
    """A free monotone map follows the noise of forty outcomes three times as far."""
    draw, errors = np.random.default_rng(3), {"logistic": 0.0, "isotonic": 0.0}
    grid = np.linspace(0.05, 0.95, 10)
    for _ in range(50):
        claimed = draw.random(40)
        survived = draw.random(40) < claimed
        for name, fit in (("logistic", fit_logistic_calibration), ("isotonic", fit_calibration)):
            calibrated = fit(claimed, survived)
            errors[name] += sum(abs(calibrated.of(p) - p) for p in grid) / (50 * len(grid))

    assert errors["logistic"] < 0.03
    assert errors["logistic"] < errors["isotonic"] / 3


def test_a_handful_of_wrong_guesses_lowers_the_probability_of_those_less_certain_too():
    calibrated = fit_logistic_calibration([0.9] * 5, [False] * 5)

    assert calibrated.of(0.9) < 0.25
    assert calibrated.of(0.5) < 0.15


def test_dependent_failures_of_one_task_weigh_less_than_those_of_several():
    failures = [0.9] * 3, [False] * 3
    one_task, three_tasks = (fit_logistic_calibration(*failures, weights) for weights in ([1, 1 / 2, 1 / 3], [1, 1, 1]))

    assert three_tasks.of(0.9) < 0.3 < one_task.of(0.9) < 0.6


def test_claims_in_the_wrong_order_lead_to_one_probability_for_all():
    """A map that turned them around would stake most on what was claimed to be least likely."""
    calibrated = fit_logistic_calibration([0.9] * 200 + [0.1] * 200, [False] * 200 + [True] * 200)

    assert calibrated.of(0.9) == pytest.approx(calibrated.of(0.1), abs=0.01)
    assert calibrated.of(0.5) == pytest.approx(0.5, abs=0.05)
