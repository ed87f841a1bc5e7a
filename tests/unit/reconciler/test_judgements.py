"""What people say of outputs is learned: an answer to an approval, and a step of a good run that is run again."""

import pytest
from declared import Declared, a_task, step

from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.commands import RunStatus
from reconciler.state.judgements import of_retry
from reconciler.state.run import RunState


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


SIGN = {"id": "sign", "approval": "Send it?", "inputs": {"text": "$steps.draft"}, "on_rejection": "continue"}
ONE = [step("draft", inputs={"n": 1}), SIGN]
BOTH = SIGN | {"inputs": {"a": "$steps.draft", "b": "$steps.table"}}
TWO = [step("draft", inputs={"n": 1}), step("table", "say"), BOTH]


def judged(steps, attempt="t.2", **answer):
    """Step -> whether its output was accepted, as the run tells the learner."""
    asked = (9.0, e.StepAnswered(at_s=0, attempt=attempt, by="ada", **answer))
    simulation = Declared(a_task(steps), plan_s=0.1, faults=(asked,), output=lambda *_: "Dear Ada").play()
    assert simulation.run.status is RunStatus.SUCCEEDED
    return {one.step: one.accepted for one in simulation.simulation.outcomes if one.judged}


def test_approval_accepts_what_it_shows():
    assert judged(ONE) == {"draft": True}
    assert judged(ONE, output="Dear Ada") == {"draft": True}


def test_a_rejection_and_a_correction_refuse_what_is_shown():
    assert judged(ONE, approved=False) == {"draft": False}
    assert judged(ONE, output="Dear Mrs Lovelace") == {"draft": False}


def test_of_several_outputs_that_are_shown_it_is_not_known_which_is_refused():
    assert judged(TWO, attempt="t.3") == {"draft": True, "table": True}
    assert judged(TWO, attempt="t.3", approved=False) == {}


def test_an_approval_that_expires_says_nothing():
    steps = [ONE[0], SIGN | {"timeout_s": 5, "on_expiry": "reject"}]

    simulation = Declared(a_task(steps), plan_s=0.1).play()

    assert simulation.run.status is RunStatus.SUCCEEDED
    assert not any(one.judged for one in simulation.simulation.outcomes)


def test_a_step_of_a_good_run_that_is_run_again_was_not_good_enough():
    run = Declared(a_task([step("draft", inputs={"n": 1}), step("send", "say", after=["draft"])])).play().run

    (refused,) = of_retry(run, {"draft"})

    assert (refused.step, refused.judged, refused.accepted) == ("draft", True, False)
    assert of_retry(run, {"draft", "send"}) == []
    again = RunState("u", run.task, run.catalog)
    commands = again.handle(e.RunStarted(at_s=0, refused=(refused,)))
    assert [command.outcome for command in commands if isinstance(command, c.Learn)] == [refused]


def test_running_a_failed_task_again_says_nothing_of_its_outputs():
    steps = [step("draft", inputs={"n": 1}), SIGN | {"on_rejection": "fail"}]
    asked = (9.0, e.StepAnswered(at_s=0, attempt="t.2", approved=False))
    run = Declared(a_task(steps), plan_s=0.1, faults=(asked,)).play().run

    assert run.status is RunStatus.FAILED
    assert of_retry(run, {"draft"}) == []
