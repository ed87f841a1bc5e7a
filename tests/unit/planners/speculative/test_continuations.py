"""Guesses given the first steps of the plan: the known steps stay as they are, the rest is bound behind them."""

import pytest
from goals import goal_task, request
from planner_pipelines import guesser

from planners.plans import Plan
from planners.speculative import GuessedPlan
from planners.speculative.continuation import confirmed_steps, unlikely_works

ASKED = request(goal_task("Do it", {"url": "u", "text": "words", "to": "French", "body": "b"}))
CAPTION = GuessedPlan(steps=("fetch", "caption"), edges=((0, 1),), work_probability=(0.6, 0.5), probability=0.5)
TRANSLATE = GuessedPlan(steps=("translate",), work_probability=(0.7,), probability=0.6)


class Predictor:
    """Guesses a translation first; what follows known steps is given."""

    def __init__(self, *rests):
        self.rests = rests
        self.asked = []

    def predict(self, _text, _k, _kind=""):
        return [TRANSLATE]

    def continuations(self, _text, confirmed, k, _kind=""):
        self.asked.append(confirmed)
        return list(self.rests)[:k]


@pytest.fixture
def first_step() -> Plan:
    """The plan that begins with fetching."""
    fetched = guesser(predictor=_Only(CAPTION)).guess(ASKED)
    return fetched.model_copy(update={"steps": fetched.steps[:1], "complete": False, "outputs": {}})


class _Only:
    def __init__(self, guess):
        self._guess = guess

    def predict(self, _text, _k, _kind=""):
        return [self._guess]


def test_known_steps_keep_their_work_and_the_rest_reads_their_outputs(first_step):
    predictor = Predictor(CAPTION)
    planner = guesser(predictor=predictor)

    found = planner.continuation(ASKED, first_step, [planner.guess(ASKED)])

    assert predictor.asked == [confirmed_steps(first_step)]
    known, rest = found.plan.steps
    assert known.work_key == first_step.steps[0].work_key
    assert known.probability == 1.0
    assert rest.step.data_parents == (known.id,)
    assert 0 < rest.probability < 1


def test_a_guess_that_no_longer_fits_is_unlikely_and_one_that_does_is_not(first_step):
    planner = guesser(predictor=Predictor(CAPTION.model_copy(update={"probability": 0.95})))
    translated = planner.guess(ASKED)

    found = planner.continuation(ASKED, first_step, [translated, first_step])

    assert found.unlikely == {translated.steps[0].work_key}


def test_what_some_guess_still_holds_is_not_unlikely(first_step):
    both = GuessedPlan(steps=("fetch", "translate"), probability=0.4)
    planner = guesser(predictor=Predictor(CAPTION, both))

    assert planner.continuation(ASKED, first_step, [planner.guess(ASKED)]).unlikely == frozenset()


def test_without_a_guess_at_the_rest_there_is_no_continuation(first_step):
    assert guesser(predictor=Predictor()).continuation(ASKED, first_step, []) is None
    assert guesser().continuation(ASKED, first_step, []) is None


def test_work_is_the_same_only_behind_the_same_steps(first_step):
    behind = GuessedPlan(steps=("fetch", "translate"), edges=((0, 1),), probability=0.9)
    translated = guesser(predictor=Predictor()).guess(ASKED)

    assert unlikely_works([behind], [translated], []) == {translated.steps[0].work_key}
    assert unlikely_works([TRANSLATE], [translated], []) == frozenset()
    assert unlikely_works([behind], [translated], [translated.steps[0].work_key]) == frozenset()
