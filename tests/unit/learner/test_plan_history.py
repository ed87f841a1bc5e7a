"""When the plan predictor is trained again, and on which plans: an alarm is a suspicion until trainings confirm it."""

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
    assert history.due(drifting=True)
    history.add(examples(30))
    assert history.due()


def test_after_an_alarm_twenty_plans_make_training_due():
    history = suspected(plans_ago := 5, before=400, after=0)
    history.begin_training()
    history.add(examples(15))
    assert history.since_suspected_change == plans_ago + 15
    assert not history.due()

    history.add(examples(5))
    assert history.due()


def test_a_second_alarm_soon_after_belongs_to_the_same_change():
    history = suspected(after=50)
    history.suspect_change()

    assert history.since_suspected_change == 50


def test_plans_from_before_a_confirmed_change_are_left_out():
    history = suspected()
    history.record_evaluation([0.5] * 40, differences=[0.1, 0.3] * 20)

    assert history.since_suspected_change is None
    assert len(history.begin_training().examples) == 80


def test_a_false_alarm_is_dismissed_once_recent_plans_do_significantly_worse():
    history = suspected()
    history.record_evaluation([0.5] * 40, differences=[-0.1, -0.3] * 20)

    assert history.since_suspected_change is None
    assert len(history.begin_training().examples) == 380


def test_differences_accumulate_until_they_are_significant():
    history = suspected()
    history.record_evaluation([0.5] * 20, differences=[0.1, 0.2] * 10)
    assert history.since_suspected_change == 80
    assert len(history.begin_training().differences) == 20

    history.record_evaluation([0.5] * 20, differences=[0.1, 0.2] * 10)
    assert history.since_suspected_change is None


def test_a_predictor_of_few_plans_that_does_worse_is_no_evidence():
    history = suspected(after=30)
    history.record_evaluation([0.5] * 15, differences=[-0.4] * 15)

    assert history.begin_training().differences == ()


def test_guesses_much_worse_than_usual_are_an_alarm_of_their_own():
    history = PlanHistory()
    history.add(examples(300))
    history.record_evaluation([0.6, 0.7] * 10)
    history.record_evaluation([0.6, 0.5] * 10)
    assert history.since_suspected_change is None

    history.record_evaluation([0.1, 0.2] * 10)
    assert history.since_suspected_change == 20


def test_guesses_that_improve_are_no_alarm():
    history = PlanHistory()
    history.add(examples(300))
    for level in (0.1, 0.3, 0.6, 0.8):
        history.record_evaluation([level] * 20)

    assert history.since_suspected_change is None


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
