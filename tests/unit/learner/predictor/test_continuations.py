"""Guesses at the rest of a plan whose first steps are known."""

import pytest

from learner.predictor import PlanExample, ToolText, TrainedPlanPredictor
from learner.predictor.numbered_plan import begins_with, extended_by, first_steps
from planners.speculative import ConfirmedSteps

CATALOG = [ToolText(name, name) for name in ("fetch", "parse", "rank", "store", "alert", "unused")]


def chain(request: str, *steps: str) -> PlanExample:
    return PlanExample(request, steps, tuple((i, i + 1) for i in range(len(steps) - 1)))


@pytest.fixture(scope="module")
def trained() -> TrainedPlanPredictor:
    """Most news are fetched and parsed; those that are ranked first are stored."""
    past = []
    for n, word in enumerate(("daily", "local", "sports", "world", "late", "short", "funny", "old", "big", "new") * 4):
        steps = ("rank", "store") if n % 4 == 0 else ("fetch", "parse")
        past.append(chain(f"collect the {word} news, batch {n} of {word}s", *steps))
    return TrainedPlanPredictor.fit(past, CATALOG)


def test_a_known_first_step_changes_what_is_expected_to_follow(trained):
    request = "collect the daily news, batch 3 of dailys"

    (fetched,) = trained.continuations(request, ConfirmedSteps(("fetch",)))
    (ranked,) = trained.continuations(request, ConfirmedSteps(("rank",)))

    assert fetched.steps == ("fetch", "parse")
    assert ranked.steps == ("rank", "store")


def test_every_continuation_begins_with_the_known_steps_in_their_order(trained):
    known = ConfirmedSteps(("alert", "rank"), ((0, 1),))

    guesses = trained.continuations("collect the world news", known, k=5)

    assert guesses
    for guess in guesses:
        assert guess.steps[:2] == known.steps
        assert {edge for edge in guess.edges if max(edge) < 2} == {(0, 1)}
        assert len(guess.work_probability) == len(guess.steps)


def test_nothing_follows_steps_that_nothing_is_known_of(trained):
    assert trained.continuations("collect the news", ConfirmedSteps(("unheard of",))) == []
    assert trained.continuations("collect the news", ConfirmedSteps(())) == []
    assert TrainedPlanPredictor.cold(CATALOG).continuations("collect the news", ConfirmedSteps(("fetch",))) == []


def test_continuations_do_not_depend_on_what_was_asked_before(trained):
    again = TrainedPlanPredictor(trained.catalog, trained.fitted)
    request, known = "collect the old news", ConfirmedSteps(("rank",))
    again.predict(request, k=3)
    again.continuations(request, ConfirmedSteps(("fetch",)))

    assert again.continuations(request, known, 3) == TrainedPlanPredictor(
        trained.catalog, trained.fitted
    ).continuations(request, known, 3)


def test_a_plan_begins_with_a_prefix_if_it_does_its_work_in_whatever_order():
    plan = ((1, 2, 3), ((0, 2), (1, 2)))

    assert begins_with(plan, ((2,), ())) == ((2, 1, 3), ((0, 2), (1, 2)))
    assert begins_with(plan, ((2, 1), ())) == ((2, 1, 3), ((0, 2), (1, 2)))
    assert begins_with(plan, ((3,), ())) is None
    assert begins_with(plan, ((1, 2), ((0, 1),))) is None
    assert first_steps(plan, 2) == ((1, 2), ())
    assert extended_by(((1,), ()), [4, 5]) == ((1, 4, 5), ((0, 1), (1, 2)))
