"""The actor around a learner: no outcome counts twice, whoever was killed in between, and none is passed over."""

import pytest
from outcome_streams import stream

from learner.actor import LearnerActor

OUTCOMES = list(stream(60))


@pytest.fixture
def learner():
    return LearnerActor()


def test_what_was_told_before_the_journal_was_counts_once(learner):
    """A learner that was killed is told what is new, says that it is new itself, and then gets the whole journal."""
    assert not learner.record(OUTCOMES[50:])

    assert learner.restore(OUTCOMES)

    assert learner.status().outcomes == 60
    assert learner.ledger().total.decisions == 60
    assert learner.record([])


def test_a_shard_that_was_killed_brings_what_it_had_no_time_to_tell(learner):
    learner.restore(OUTCOMES[:20])
    learner.record(OUTCOMES[20:40])

    assert not learner.restore(OUTCOMES[:50])

    assert learner.status().outcomes == 50


def test_refusals_of_one_step_at_two_times_are_two(learner):
    refused = OUTCOMES[0].model_copy(update={"dispatched": False})

    surer = refused.appraisal.model_copy(update={"probability": 0.1})
    learner.record([refused, refused.model_copy(update={"appraisal": surer})])

    assert learner.status().outcomes == 2


def test_what_is_remembered_of_outcomes_to_tell_them_apart_is_bounded(learner, monkeypatch):
    monkeypatch.setattr("learner.actor._TOLD_APART", 30)

    learner.record(OUTCOMES)
    learner.record(OUTCOMES[30:])

    assert len(learner._told) == 30
    assert learner.status().outcomes == 60


def test_a_problem_in_training_is_told_until_a_training_goes_well(learner, monkeypatch):
    def failing():
        raise ZeroDivisionError("no rows")

    with monkeypatch.context() as patch:
        patch.setattr(learner, "_train", failing)
        learner.train_once()
    assert learner.status().problems == ("training failed: ZeroDivisionError: no rows",)

    learner.train_once()

    assert learner.status().problems == ()
