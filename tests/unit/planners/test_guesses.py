"""What a draft says of earlier guesses, and what is learned about drafts."""

import pytest
from runs import chain, guess, plan

from planners.guesses import DraftRecord, contradicted_works


def likely(steps, probability):
    made = guess(steps)
    return made.model_copy(
        update={"steps": tuple(one.model_copy(update={"probability": probability}) for one in made.steps)}
    )


def works(steps):
    return {one.work_key for one in guess(steps).steps}


def test_a_doubtful_step_that_a_good_draft_does_not_hold_is_given_up():
    early = likely(chain("solve"), 0.4)

    assert contradicted_works([early], guess(chain("fetch")), right=0.95) == works(chain("solve"))


def test_a_step_that_the_draft_holds_too_goes_on():
    early = likely(chain("fetch"), 0.1)

    assert contradicted_works([early], guess(chain("fetch", "solve")), right=0.95) == frozenset()


def test_a_nearly_certain_step_is_not_given_up_for_a_poor_draft():
    early = likely(chain("solve"), 0.9)

    assert contradicted_works([early], guess(chain("fetch")), right=0.6) == frozenset()


def test_drafts_are_trusted_as_far_as_their_steps_have_been_right():
    good, bad = DraftRecord(1.0), DraftRecord(1.0)
    for _ in range(20):
        good.observe(guess(chain("fetch", "solve")), plan(chain("fetch", "solve")), 2.0)
        bad.observe(guess(chain("solve", "fetch")), plan(chain("fetch", "solve")), 2.0)

    assert good.right > 0.9
    assert bad.right < 0.2
    assert good.seconds == pytest.approx(2.0, abs=0.05)


def test_a_draft_that_never_comes_in_time_is_expected_late():
    record = DraftRecord(1.0)

    record.observe(None, plan(chain("fetch")), 5.0)

    assert record.seconds == 5.0


def test_old_drafts_count_less_than_new_ones():
    record = DraftRecord(1.0)
    for _ in range(300):
        record.observe(guess(chain("fetch")), plan(chain("fetch")), 1.0)
    for _ in range(300):
        record.observe(guess(chain("fetch")), plan(chain("solve")), 1.0)

    assert record.right < 0.3
