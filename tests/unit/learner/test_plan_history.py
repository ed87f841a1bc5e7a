"""When the plan predictor is trained again, and on which plans: an alarm is a suspicion until trainings confirm it."""

from collections import Counter
from dataclasses import replace

from plan_examples import examples

from learner.models.plan_history import PlanHistory
from learner.predictor import PlanExample


def suspected(plans_ago=0, *, before=300, after=80):
    """A history with a suspected change, and plans since."""
    history = PlanHistory(size=1_000)
    history.add(examples(before))
    history.suspect_change(plans_ago=plans_ago)
    history.add(examples(after))
    return history


def test_training_is_due_after_twenty_plans_and_then_after_a_tenth_more():
    history = PlanHistory(size=500)
    history.add(examples(19))
    assert not history.due()
    history.add(examples(1))
    assert history.due()

    history.add(examples(400))
    history.begin_training()
    history.add(examples(30))
    assert not history.due()
    assert history.due(drifting={""})
    history.add(examples(30))
    assert history.due()


def test_after_an_alarm_twenty_plans_make_training_due():
    history = suspected(plans_ago := 5, before=400, after=0)
    history.begin_training()
    history.add(examples(15))
    assert history.since_suspected_change() == plans_ago + 15
    assert not history.due()

    history.add(examples(5))
    assert history.due()


def test_a_second_alarm_soon_after_belongs_to_the_same_change():
    history = suspected(after=50)
    history.suspect_change()

    assert history.since_suspected_change() == 50


def test_plans_from_before_a_confirmed_change_are_left_out():
    history = suspected()
    history.record_evaluation({"": [0.5] * 40}, differences=[0.1, 0.3] * 20)

    assert history.since_suspected_change() is None
    assert len(history.begin_training().examples) == 80


def test_a_false_alarm_is_dismissed_once_recent_plans_do_significantly_worse():
    history = suspected()
    history.record_evaluation({"": [0.5] * 40}, differences=[-0.1, -0.3] * 20)

    assert history.since_suspected_change() is None
    assert len(history.begin_training().examples) == 380


def test_differences_accumulate_until_they_are_significant():
    history = suspected()
    history.record_evaluation({"": [0.5] * 20}, differences=[0.1, 0.2] * 10)
    assert history.since_suspected_change() == 80
    assert len(history.begin_training().differences) == 20

    history.record_evaluation({"": [0.5] * 20}, differences=[0.1, 0.2] * 10)
    assert history.since_suspected_change() is None


def test_a_predictor_of_few_plans_that_does_worse_is_no_evidence():
    history = suspected(after=30)
    history.record_evaluation({"": [0.5] * 15}, differences=[-0.4] * 15)

    assert history.begin_training().differences == ()


def test_guesses_much_worse_than_usual_are_an_alarm_of_their_own():
    history = PlanHistory()
    history.add(examples(300))
    history.record_evaluation({"": [0.6, 0.7] * 10})
    history.record_evaluation({"": [0.6, 0.5] * 10})
    assert history.since_suspected_change() is None

    history.record_evaluation({"": [0.1, 0.2] * 10})
    assert history.since_suspected_change() == 20


def test_guesses_that_improve_are_no_alarm():
    history = PlanHistory()
    history.add(examples(300))
    for level in (0.1, 0.3, 0.6, 0.8):
        history.record_evaluation({"": [level] * 20})

    assert history.since_suspected_change() is None


def test_plans_too_large_to_learn_from_are_left_out():
    history = PlanHistory()
    history.add([PlanExample("huge", ("pay",) * 1_000, ()), PlanExample("long " * 100_000, ("pay",), ())])
    history.add([PlanExample("empty", (), ())])

    assert len(history) == 0


def test_the_total_size_of_the_plans_is_bounded():
    """Fitting 2,500 plans of 40 steps would take hours and more memory than there is."""
    history = PlanHistory()
    history.add(PlanExample(f"goal {number}", ("pay",) * 40, ()) for number in range(2_000))

    assert len(history) == 500
    assert history.begin_training().examples[-1].request == "goal 1999"


def of_kind(kind, count):
    return [replace(example, kind=kind) for example in examples(count)]


def test_a_change_of_one_kind_leaves_the_plans_of_others_in_use():
    history = PlanHistory(size=1_000)
    history.add([*of_kind("steady", 200), *of_kind("changed", 100)])
    history.suspect_change("changed")
    history.add([*of_kind("steady", 40), *of_kind("changed", 60)])

    suspected = history.begin_training()
    assert (suspected.kind, suspected.since_suspected_change, len(suspected.examples)) == ("changed", 60, 400)

    history.record_evaluation({"changed": [0.5] * 40}, "changed", differences=[0.1, 0.3] * 20)
    assert Counter(example.kind for example in history.begin_training().examples) == {"steady": 240, "changed": 60}


def test_an_alarm_for_a_kind_without_older_plans_suspects_nothing():
    history = PlanHistory()
    history.add(of_kind("known", 100))
    history.suspect_change("new")
    history.add(of_kind("new", 2))
    history.suspect_change("new", plans_ago=3)
    history.add(of_kind("new", 30))

    assert history.since_suspected_change("new") is None
    assert history.begin_training().since_suspected_change is None


def test_a_new_kind_whose_plans_nobody_guesses_makes_training_due_ever_less_often():
    history, trained_at = PlanHistory(), []
    history.add(of_kind("known", 1_000))
    history.begin_training()
    history.add(of_kind("odd", 1))
    history.suspect_change("odd", plans_ago=1)
    for number in range(2, 200):
        history.add(of_kind("odd", 1))
        if history.due(drifting={"odd"}):
            history.begin_training()
            trained_at.append(number)

    assert trained_at == [20, 40, 80, 160]


def test_kinds_without_plans_are_forgotten():
    history = PlanHistory(size=10)
    history.add(of_kind("old", 10))
    history.suspect_change("old", plans_ago=2)
    history.add(of_kind("new", 10))
    history.add(of_kind("old", 5))

    assert history.since_suspected_change("old") is None
