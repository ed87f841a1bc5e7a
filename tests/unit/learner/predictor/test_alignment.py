"""Which words of a request stem from which tool, learned from whole requests and whole plans."""

import numpy as np

from learner.predictor.alignment import WordAlignment
from learner.predictor.alignment_features import FEATURES, alignment_features
from learner.predictor.features import LabelledCandidates
from learner.predictor.numbered_plan import NumberedPlan, chain
from learner.predictor.plan_space import PlanSpace

HOTEL, TRAIN, ALARM = 0, 1, 2
ALL = np.arange(3)
REQUESTS = [
    "reserve a hotel",
    "reserve a train",
    "hotel then alarm",
    "train then alarm",
    "alarm please",
    "hotel please",
]
STEPS = [[[HOTEL]], [[TRAIN]], [[HOTEL, ALARM]], [[TRAIN, ALARM]], [[ALARM]], [[HOTEL]]]


def learned() -> WordAlignment:
    return WordAlignment.fit(REQUESTS * 5, STEPS * 5, ["", "", ""], 3)


def scores(request: str, *plans: NumberedPlan) -> np.ndarray:
    """The features of each plan, (features, plans)."""
    space = PlanSpace(["hotel", "train", "alarm"], list(plans))
    found = LabelledCandidates.of(space, list(plans))
    return np.array(alignment_features(space, found.steps, found.edges, learned().of(request)))


def test_a_word_is_told_apart_from_the_words_it_always_comes_with():
    aligned = learned().of("hotel then alarm")

    assert aligned.ratio(ALL)[0].argmax() == HOTEL
    assert aligned.ratio(ALL)[2].argmax() == ALARM
    assert np.all(np.diff(aligned.position[:3]) > 0)


def test_words_that_only_ever_come_together_are_told_apart_by_the_order_of_the_steps():
    """In learning, what is named first is likelier to stem from a step that comes first."""
    request = ["sleep at the inn then wake up by bell"]

    of = WordAlignment.fit(request * 5, [[[HOTEL, ALARM]]] * 5, ["", "", ""], 3).of("inn bell")

    assert of.ratio(ALL)[0].argmax() == HOTEL
    assert of.ratio(ALL)[1].argmax() == ALARM


def test_of_a_request_that_got_several_plans_each_counts_as_often_as_it_came():
    often, rarely = [HOTEL, ALARM], [ALARM, HOTEL]

    of = WordAlignment.fit(["inn then bell"] * 5, [[often, rarely, often]] * 5, ["", "", ""], 3).of("inn bell")

    assert of.ratio(ALL)[0, HOTEL] > of.ratio(ALL)[0, ALARM]


def test_ratios_of_some_tools_are_those_of_all():
    aligned = learned().of("hotel then alarm")

    assert np.array_equal(aligned.ratio(np.array([ALARM, HOTEL])), aligned.ratio(ALL)[:, [ALARM, HOTEL]])


def test_pairs_that_are_kept_of_a_request_do_not_grow_with_the_tools():
    """Where steps are free text there are thousands, and training keeps the words of every request."""
    few, many = (WordAlignment.fit(REQUESTS, STEPS, [], tools).of("hotel then alarm") for tools in (3, 3_000))

    assert len(few.more) == len(many.more)


def test_the_plan_that_explains_all_words_is_the_likeliest():
    likelihood = scores("hotel then alarm", chain((HOTEL,)), chain((HOTEL, ALARM)), chain((HOTEL, TRAIN, ALARM)))[0]

    assert likelihood.argmax() == 1


def test_steps_in_the_order_of_their_words_move_forward():
    least, mean = scores("hotel then alarm", chain((HOTEL, ALARM)), chain((ALARM, HOTEL)))[-2:]

    assert least[0] > 0 > least[1]
    assert mean[0] > 0 > mean[1]


def test_a_request_of_unknown_words_says_nothing():
    found = scores("qwerty", chain((HOTEL,)), chain((ALARM,)))

    assert found.shape == (FEATURES, 2)
    assert not found.any()


def test_nothing_learned_from_is_nothing_known():
    assert not len(WordAlignment.fit([], [], ["book a hotel"], 1).of("book a hotel").position)


def test_what_is_stored_says_the_same():
    before = learned()
    after = WordAlignment.from_arrays(before.arrays())

    assert np.array_equal(after.of("hotel then alarm").ratio(ALL), before.of("hotel then alarm").ratio(ALL))
