"""A new plan predictor replaces the one in use if it is no worse; after an alarm, recent plans alone are tried."""

from dataclasses import replace

from plan_examples import TOOLS, examples

from learner.models.plan_history import TrainingSet
from learner.models.predictor_training import train_predictor
from learner.predictor import PlanExample, TrainedPlanPredictor


def test_a_trained_predictor_beats_a_cold_one_on_unseen_plans():
    trained = train_predictor(TrainingSet(list(examples(60))), TOOLS, TrainedPlanPredictor.cold(TOOLS))

    assert trained.similarity > 0.9
    assert trained.similarity > trained.champion_similarity
    assert trained.better


def once_each(count: int) -> list[PlanExample]:
    """Like `examples`, but no request repeats another one, whatever its values."""
    letters = "abcdefghij"
    words = (f"{letters[n // 10 % 10]}{letters[n % 10]}word" for n in range(count))
    return [
        replace(example, request=f"{example.request} {word}")
        for example, word in zip(examples(count), words, strict=True)
    ]


def test_plans_of_another_planner_never_make_guesses_worse_than_the_catalog_alone():
    """All earlier plans pay; the newest do what the catalog suggests. The champion pays, too."""
    foreign = [replace(example, steps=("pay",), edges=()) for example in once_each(90)]
    own = [PlanExample(f"translate letter {word}", ("translate",), ()) for word in "abcdefghij"]
    trained = train_predictor(TrainingSet([*foreign, *own]), TOOLS, TrainedPlanPredictor.fit(foreign, TOOLS))

    assert trained.better
    assert trained.similarity > trained.champion_similarity
    assert trained.predictor.predict("translate letter k")[0].steps == ("translate",)


def test_a_trained_predictor_stays_where_the_catalog_is_better_at_a_single_plan():
    """Both guess the others right; of the single one, past plans say that it has a search, too."""
    own = [PlanExample(f"translate letter {word}", ("translate",), ()) for word in "abcdefghi"]
    odd = PlanExample("look up page and translate it", ("translate",), ())
    trained = train_predictor(TrainingSet([*once_each(90), *own, odd]), TOOLS, TrainedPlanPredictor.cold(TOOLS))

    assert trained.similarity < trained.champion_similarity
    assert trained.predictor.fitted is not None


def test_after_a_change_the_predictor_learns_from_recent_plans_alone_if_that_is_better():
    """Requests that were answered by booking are now answered by paying twice."""
    old = once_each(90)
    new = [PlanExample(example.request, ("pay", "pay"), ()) for example in once_each(40)]
    trained = train_predictor(
        TrainingSet([*old, *new], since_suspected_change=40), TOOLS, TrainedPlanPredictor.fit(old, TOOLS)
    )

    assert trained.better
    assert sum(trained.differences) > 0
    assert trained.similarity > 0.9 > trained.champion_similarity
    assert trained.predictor.predict("find and book a room in town 7")[0].steps == ("pay", "pay")


def test_after_a_false_alarm_the_predictor_learns_from_all_plans():
    old = list(examples(90))
    odd = [PlanExample(f"{n} odd {n}", (("pay", "search")[n % 2],), ()) for n in range(12)]
    known = [*old, *odd, *examples(12)]
    trained = train_predictor(
        TrainingSet(known, since_suspected_change=24), TOOLS, TrainedPlanPredictor.fit(old, TOOLS)
    )

    assert sum(trained.differences) < 0
    assert trained.predictor.predict("find and book a room in town 7")[0].steps == ("search", "book", "pay")


def test_earlier_trainings_outweigh_one_lucky_round():
    old = once_each(90)
    new = [PlanExample(example.request, ("pay", "pay"), ()) for example in once_each(40)]
    doubted = TrainingSet([*old, *new], since_suspected_change=40, differences=(-1.0,) * 60)
    trained = train_predictor(doubted, TOOLS, TrainedPlanPredictor.fit(old, TOOLS))

    assert sum(trained.differences) > 0
    assert trained.similarity < 0.9


def test_a_kind_whose_plans_nobody_can_guess_does_not_displace_those_of_others():
    """Older odd plans may be left out, by the accident of a few differences; the others stay."""
    steady = [replace(example, kind="steady") for example in once_each(90)]
    shapes = (("pay",), ("book", "search"), ("translate", "pay"))
    odd = [PlanExample(f"{n} odd {n}", shapes[n % 3], (), "odd") for n in range(50)]
    trained = train_predictor(
        TrainingSet([*steady, *odd], since_suspected_change=25, kind="odd"), TOOLS, TrainedPlanPredictor.cold(TOOLS)
    )

    assert trained.champion_similarities.keys() == {"odd"}
    assert trained.predictor.predict(steady[0].request, kind="steady")[0].steps == ("search", "book", "pay")
