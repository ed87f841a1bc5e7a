"""The actor around a learner: every outcome counts exactly once, whatever is killed, and no failure ends training."""

import pytest
from outcome_streams import outcome, stream
from plan_examples import examples

from learner.actor import LearnerActor, training_pause_s
from learner.online.seen_outcomes import SeenOutcomes
from learner.settings import LearningSettings

OUTCOMES = list(stream(60))


@pytest.fixture
def learner():
    return LearnerActor()


def test_outcomes_delivered_before_the_journal_is_restored_count_once(learner):
    """A restarted learner gets new outcomes, reports that it is new, and then gets everything from the journal."""
    assert not learner.record(OUTCOMES[50:])

    assert learner.restore(OUTCOMES)

    assert learner.status().outcomes == 60
    assert learner.ledger().total.decisions == 60
    assert learner.record([])


def test_a_restarted_shard_delivers_the_outcomes_that_it_could_not_deliver_before(learner):
    learner.restore(OUTCOMES[:20])
    learner.record(OUTCOMES[20:40])

    assert not learner.restore(OUTCOMES[:50])

    assert learner.status().outcomes == 50


def test_outcomes_delivered_again_after_an_unclear_failure_count_once(learner):
    learner.record(OUTCOMES)
    learner.record(OUTCOMES)

    assert learner.status().outcomes == 60


def test_refusals_of_one_step_at_two_times_are_two_outcomes(learner):
    refused = OUTCOMES[0].model_copy(update={"dispatched": False})
    surer = refused.appraisal.model_copy(update={"probability": 0.1})

    learner.record([refused, refused.model_copy(update={"appraisal": surer})])

    assert learner.status().outcomes == 2


def test_the_memory_for_seen_outcomes_is_bounded():
    seen = SeenOutcomes(max_size=30)
    seen.unseen(OUTCOMES)

    assert len(seen) == 30
    assert seen.unseen(OUTCOMES[30:]) == []


def test_plans_of_the_journal_are_used_once(learner):
    learner.restore([], list(examples(15)))
    learner.restore([], list(examples(15)))

    assert learner.status().plans == 15


def test_a_restore_that_failed_is_repeated(learner, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(learner._learner, "observe", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            learner.restore(OUTCOMES, list(examples(15)))

    assert not learner.record([])
    assert learner.restore(OUTCOMES, list(examples(15)))
    assert learner.status().plans == 15


def failing(*_):
    raise ArithmeticError("no rows")


@pytest.fixture
def due(monkeypatch):
    """A learner whose models are due for training, which nothing but the test starts."""
    monkeypatch.setattr(LearnerActor, "_train_forever", lambda _: None)
    learner = LearnerActor(LearningSettings(train_every=50))
    learner.record(OUTCOMES)
    return learner


def test_a_failed_training_is_reported_until_one_succeeds(due, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("learner.learner.train", failing)
        due.train_once()
    assert due.status().problems == ("training failed: ArithmeticError: no rows",)

    due.record_plans(examples(20))
    due.train_once()
    assert len(due.status().problems) == 1

    due.record(outcome(1_000 + number) for number in range(50))
    due.train_once()
    assert due.status().problems == ()


def test_a_failed_training_does_not_keep_the_plan_predictor_from_being_trained(due, monkeypatch):
    monkeypatch.setattr("learner.learner.train", failing)
    due.record_plans(examples(30))

    due.train_once()

    assert due.predictor()[0] == 1


@pytest.mark.parametrize("used_s", [0.0, 0.01, 0.5])
def test_a_twentieth_of_a_core_is_trained_at_most(used_s):
    assert used_s <= 0.05 * (used_s + training_pause_s(used_s)) + 1e-9


def test_a_long_round_delays_the_next_one_by_a_minute_at_most():
    assert training_pause_s(300.0) == 60.0
