"""A new plan predictor replaces the one in use where it is no worse; after an alarm the new world is tried alone."""

from plan_examples import TOOLS, examples

from learner.models.plan_history import TrainingSet
from learner.models.plan_training import train_predictor
from learner.predictor import PlanExample, TrainedPlanPredictor


def test_a_trained_predictor_beats_a_cold_one_on_plans_neither_has_seen():
    trained = train_predictor(TrainingSet(list(examples(60))), TOOLS, TrainedPlanPredictor.cold(TOOLS))

    assert trained.similarity > 0.9
    assert trained.similarity > trained.champion_similarity
    assert trained.better


def test_plans_of_a_new_world_alone_make_the_predictor_where_they_are_better():
    """What used to mean booking now means paying twice."""
    old = list(examples(90))
    new = [PlanExample(example.request, ("pay", "pay"), ()) for example in examples(40)]
    trained = train_predictor(TrainingSet([*old, *new], suspected=40), TOOLS, TrainedPlanPredictor.fit(old, TOOLS))

    assert trained.better
    assert sum(trained.leads) > 0
    assert trained.similarity > 0.9 > trained.champion_similarity
    assert trained.predictor.predict("find and book a room in town 7")[0].steps == ("pay", "pay")


def test_after_a_false_alarm_all_that_is_known_makes_the_predictor():
    old = list(examples(90))
    odd = [PlanExample(f"{n} odd {n}", (("pay", "search")[n % 2],), ()) for n in range(12)]
    known = [*old, *odd, *examples(12)]
    trained = train_predictor(TrainingSet(known, suspected=24), TOOLS, TrainedPlanPredictor.fit(old, TOOLS))

    assert sum(trained.leads) < 0
    assert trained.predictor.predict("find and book a room in town 7")[0].steps == ("search", "book", "pay")


def test_what_earlier_trainings_told_outweighs_one_lucky_round():
    old = list(examples(90))
    new = [PlanExample(example.request, ("pay", "pay"), ()) for example in examples(40)]
    doubted = TrainingSet([*old, *new], suspected=40, leads=(-1.0,) * 60)
    trained = train_predictor(doubted, TOOLS, TrainedPlanPredictor.fit(old, TOOLS))

    assert sum(trained.leads) > 0
    assert trained.similarity < 0.9
