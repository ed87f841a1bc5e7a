"""When the plan predictor is trained anew and on what: alarms are suspicions until trainings tell."""

from plan_examples import examples

from learner.models.plan_history import PlanHistory


def told(alarm_back=0, *, before=300, after=80):
    """A history with an alarm, and plans since."""
    history = PlanHistory(size=1_000)
    history.add(examples(before))
    history.changed(back=alarm_back)
    history.add(examples(after))
    return history


def test_a_predictor_is_due_after_twenty_plans_and_then_after_a_tenth_more():
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


def test_after_an_alarm_twenty_plans_make_a_predictor_due():
    history = told(back := 5, before=400, after=0)
    history.begin_training()
    history.add(examples(15))
    assert history.suspected == back + 15
    assert not history.due()

    history.add(examples(5))
    assert history.due()


def test_a_second_alarm_soon_after_is_the_same_alarm():
    history = told(after=50)
    history.changed()

    assert history.suspected == 50


def test_what_was_before_an_alarm_is_left_out_once_plans_since_then_surely_tell_more():
    history = told()
    history.judged([0.5] * 40, leads=[0.1, 0.3] * 20)

    assert history.suspected is None
    assert len(history.begin_training().examples) == 80


def test_a_false_alarm_is_dropped_once_plans_since_then_surely_tell_less():
    history = told()
    history.judged([0.5] * 40, leads=[-0.1, -0.3] * 20)

    assert history.suspected is None
    assert len(history.begin_training().examples) == 380


def test_while_it_may_be_chance_the_trial_goes_on_and_its_differences_add_up():
    history = told()
    history.judged([0.5] * 20, leads=[0.1, 0.2] * 10)
    assert history.suspected == 80
    assert len(history.begin_training().leads) == 20

    history.judged([0.5] * 20, leads=[0.1, 0.2] * 10)
    assert history.suspected is None


def test_that_a_handful_of_plans_tells_less_than_hundreds_is_no_evidence():
    history = told(after=30)
    history.judged([0.5] * 15, leads=[-0.4] * 15)

    assert history.begin_training().leads == ()


def test_guesses_much_worse_than_usual_are_an_alarm_though_nothing_was_promised():
    history = PlanHistory()
    history.add(examples(300))
    history.judged([0.6, 0.7] * 10)
    history.judged([0.6, 0.5] * 10)
    assert history.suspected is None

    history.judged([0.1, 0.2] * 10)
    assert history.suspected == 20


def test_guesses_that_get_better_are_no_alarm():
    history = PlanHistory()
    history.add(examples(300))
    for level in (0.1, 0.3, 0.6, 0.8):
        history.judged([level] * 20)

    assert history.suspected is None
