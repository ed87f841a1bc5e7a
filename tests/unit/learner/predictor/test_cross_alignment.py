"""A request that was learned from is judged by what the others say of its words."""

import numpy as np
import pytest

from learner.predictor import PlanExample, TrainedPlanPredictor
from learner.predictor.alignment import WordAlignment
from learner.predictor.cross_alignment import CrossAlignment
from learner.predictor.forecast import forecast

HOTEL, TRAIN = 0, 1
ALL = np.arange(2)
REQUESTS = [*(f"reserve a hotel {word}" for word in ("now", "soon", "later", "today", "again")), "reserve a train now"]
STEPS = [*[[[HOTEL]]] * 5, [[TRAIN]]]


def learned() -> CrossAlignment:
    return CrossAlignment.fit(REQUESTS, STEPS, [], 2, seed=0)


def test_what_only_a_request_itself_says_of_its_words_is_left_out():
    alignment, request = learned(), REQUESTS[5]
    new, again = alignment.of(request), alignment.of(request, row=5)

    assert new.ratio(ALL)[:, TRAIN].max() > 1
    assert np.all(again.ratio(ALL)[:, TRAIN] <= 1)


def test_stored_alignments_say_the_same_of_new_and_old_requests():
    before = learned()
    after = CrossAlignment.from_arrays(before.arrays())

    for row in (None, *range(len(REQUESTS))):
        assert np.array_equal(after.of(REQUESTS[0], row).ratio(ALL), before.of(REQUESTS[0], row).ratio(ALL))


def test_a_model_with_one_alignment_judges_old_requests_by_that():
    """As those of format 6."""
    whole = WordAlignment.fit(REQUESTS, STEPS, [], 2)
    alignment = CrossAlignment.from_arrays(whole.arrays())

    assert np.array_equal(alignment.of(REQUESTS[5], row=5).ratio(ALL), whole.of(REQUESTS[5]).ratio(ALL))


def test_groups_without_an_alignment_are_refused():
    with pytest.raises(ValueError, match="group"):
        CrossAlignment(WordAlignment.fit([], [], [], 1), [], np.array([0]))


def test_a_request_that_comes_again_is_forecast_from_the_alignment_without_it():
    names = [("hotel",) if plans == [[HOTEL]] else ("train",) for plans in STEPS]
    past = [PlanExample(text, steps, ()) for text, steps in zip(REQUESTS, names, strict=True)]
    predictor = TrainedPlanPredictor.fit(past, [])
    fitted = predictor.fitted
    assert fitted is not None
    assert fitted.alignment is not None

    expected = forecast(fitted, predictor._text, predictor._cold, REQUESTS[5], "")

    aligned = expected.judgement.evidence.aligned
    assert aligned is not None
    assert np.array_equal(aligned.ratio(ALL), fitted.alignment.of(REQUESTS[5], row=5).ratio(ALL))
