"""Steps that wait: for time to pass, for a person, for a message. They survive restarts and occupy nothing."""

import pytest
from declared import Declared, a_task, step

from reconciler.runtime.recovery import recover
from reconciler.simulation import Restart
from reconciler.state import events as e
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import FailureKind
from reconciler.state.run import RunState
from reconciler.state.waiting import WaitKind
from reconciler.views.totals import AttemptTotals


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


SEND = [
    step("draft", inputs={"n": 1}),
    {"id": "sign", "approval": "Send it?", "inputs": {"text": "$steps.draft"}},
    step("send", "act", inputs={"text": "$steps.draft"}, after=["sign"]),
]


def answered(at_s, *, attempt="t.2", **answer):
    return at_s, e.StepAnswered(at_s=0, attempt=attempt, **answer)


def played(steps, *faults, inputs=None, **more):
    return Declared(a_task(steps, inputs), plan_s=0.1, faults=faults, **more).play()


def test_a_pause_delays_what_comes_after_it():
    world = played([step("a"), {"id": "rest", "wait": 30, "after": ["a"]}, step("b", "say", after=["rest"])])

    assert world.run.status is RunStatus.SUCCEEDED
    assert 31.0 <= world.run.at_s < 32.0
    assert world.done == ["a", "b"]


def test_a_pause_may_be_an_output():
    steps = [step("a"), {"id": "rest", "wait": "$steps.a.retry_after_s"}, step("b", "say", after=["rest"])]

    world = played(steps, output=lambda *_: {"retry_after_s": 7})

    assert 7.5 <= world.run.at_s < 9.0


@pytest.mark.parametrize("seconds", [-1, "soon", None, True])
def test_a_pause_that_is_no_number_of_seconds_fails(seconds):
    world = played([{"id": "rest", "wait": "$inputs.pause"}], inputs={"pause": seconds})

    assert world.run.end.failure.message == "step 'rest' failed: wait needs a number of seconds, 0 or more"


def test_what_waits_takes_no_agent_seconds():
    run = played([step("a"), {"id": "rest", "wait": 30, "after": ["a"]}, *SEND], answered(500.0)).run

    sums = AttemptTotals(run.catalog, run.attempts.values()).sums

    work = [attempt.seconds for attempt in run.attempts.values() if not run.agent_of(attempt).built_in]
    assert sums.agent_s == sum(work) < 10.0


def test_an_approval_holds_what_comes_after_it_until_somebody_approves():
    world = played(SEND, answered(500.0, by="ada", comment="fine"))

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.run.at_s > 500.0
    assert world.run.attempts["t.2"].handoff.output == {
        "approved": True,
        "by": "ada",
        "comment": "fine",
        "answer": None,
    }


def test_nothing_happens_without_an_answer_and_the_run_says_what_it_waits_for():
    world = played(SEND)

    assert world.run.status is RunStatus.RUNNING
    reason = world.run.waiting("sign")
    assert (reason.kind, reason.message) == (WaitKind.ANSWER, "waiting for an answer: Send it?")
    assert world.run.asked_by("sign") == "t.2"
    assert world.run.asked_by("draft") is None


def test_a_rejection_fails_the_step():
    world = played(SEND, answered(9.0, approved=False, by="ada", comment="too rude"))

    assert world.run.status is RunStatus.FAILED
    assert world.run.end.failure.kind is FailureKind.REJECTED
    assert world.run.end.failure.message == "step 'sign' failed: rejected by ada: too rude"


def test_a_rejection_can_be_routed():
    steps = [
        {"id": "sign", "approval": "Send it?", "on_rejection": "continue"},
        {
            "id": "way",
            "route": [{"when": "$steps.sign.approved", "steps": [step("send", "act")]}],
            "else": [step("drop", "say", inputs={"why": "$steps.sign.comment"})],
        },
    ]

    world = played(steps, answered(9.0, attempt="t.1", approved=False, comment="no"))

    assert world.done == ["drop"]


def test_an_approval_that_nobody_answers_may_have_an_answer_by_default():
    sign = {"id": "sign", "approval": "How much?", "timeout_s": 60, "on_expiry": {"output": {"usd": 5}}}

    world = played([sign, step("pay", "say", inputs={"usd": "$steps.sign.answer.usd"})])

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.run.attempts["t.1"].handoff.output == {
        "approved": True,
        "by": "",
        "comment": "nobody answered in time",
        "answer": {"usd": 5},
    }
    assert world.orders["t.2"].inputs["usd"].path == ("answer", "usd")


@pytest.mark.parametrize(
    ("on_expiry", "status"),
    [("approve", RunStatus.SUCCEEDED), ("reject", RunStatus.FAILED), ("fail", RunStatus.FAILED)],
)
def test_an_approval_that_nobody_answers_has_a_default(on_expiry, status):
    steps = [SEND[0], {**SEND[1], "timeout_s": 60, "on_expiry": on_expiry}, SEND[2]]

    world = played(steps)

    assert world.run.status is status
    assert 60.0 <= world.run.at_s < 63.0
    if on_expiry == "fail":
        assert world.run.end.failure.message == "step 'sign' failed: nobody answered within 60 s"


def test_a_callback_gives_what_was_sent():
    steps = [{"id": "paid", "callback": "the payment"}, step("book", "say", inputs={"n": "$steps.paid.amount"})]

    world = played(
        steps, answered(20.0, attempt="t.1", output={"amount": 7}), output=lambda _c, inputs, _n: inputs["n"]
    )

    assert world.outputs == {"book": 7}


def test_a_callback_that_never_comes_can_have_a_default():
    steps = [
        {"id": "paid", "callback": "the payment", "timeout_s": 9, "on_failure": "default", "default": 0},
        step("book", "say", inputs={"n": "$steps.paid"}),
    ]

    assert played(steps, output=lambda _c, inputs, _n: inputs["n"]).outputs == {"book": 0}


def test_answers_to_what_does_not_ask_change_nothing():
    world = played(SEND, answered(0.2, attempt="t.1"), answered(9.0), answered(9.1, approved=False))

    assert world.run.status is RunStatus.SUCCEEDED


@pytest.mark.parametrize("after", range(1, 9))
def test_waiting_goes_on_after_a_restart(after):
    steps = [*SEND[:2], step("send", "say", after=["sign"]), {"id": "rest", "wait": 40, "after": ["draft"]}]

    world = played(steps, restarts=(Restart(after=after),))
    world.simulation.post(60.0, answered(0, attempt=world.run.asked_by("sign"))[1])
    world.simulation.go_on()

    assert world.run.status is RunStatus.SUCCEEDED
    assert 40.0 <= world.run.attempts[world.run.steps["rest"].attempt].ended_s < 43.0
    assert sum(one.step.id == "sign" for one in world.run.attempts.values()) == 1


def test_a_lost_node_does_not_interrupt_waiting():
    world = played(SEND, (5.0, e.NodeLost(at_s=0, node="n1")), answered(30.0))

    assert world.run.attempts["t.2"].finished


def test_nobody_is_asked_speculatively():
    world = Declared(a_task(SEND), plan_s=5.0, faults=(answered(30.0),)).play()

    sign = next(one for one in world.run.attempts.values() if one.step.id == "sign")
    assert not sign.began_speculative


def test_an_approval_inside_a_fan_out_can_be_left_unanswered():
    steps = [
        {
            "id": "votes",
            "for_each": ["ada", "bob", "eve"],
            "min_successful": 2,
            "steps": [{"id": "vote", "approval": "Yes?", "inputs": {"who": "$item"}, "on_rejection": "continue"}],
        },
        step("count", "say", inputs={"votes": "$steps.votes"}),
    ]

    world = played(
        steps,
        answered(5.0, attempt="t.1"),
        answered(6.0, attempt="t.3", approved=False),
        output=lambda _c, inputs, _n: [vote["approved"] for vote in inputs["votes"]],
    )

    assert world.outputs == {"count": [True, False]}


PAID = {"id": "paid", "callback": "the payment"}
BOOK = step("book", "say", inputs={"n": "$steps.paid"})


def beats(*moments, attempt="t.1"):
    return tuple((at_s, e.HeartbeatReceived(at_s=0, attempt=attempt)) for at_s in moments)


def test_a_callback_without_heartbeats_fails_and_its_failure_policy_decides():
    failed = played([{**PAID, "heartbeat_s": 8}])
    skipped = played([{**PAID, "heartbeat_s": 8, "on_failure": "default", "default": 0}, BOOK])

    assert failed.run.end.failure.message == "step 'paid' failed: no heartbeat came within 8 s"
    assert 8.0 <= failed.run.at_s <= 10.0
    assert skipped.run.status is RunStatus.SUCCEEDED
    assert skipped.done == ["book"]


def test_heartbeats_keep_a_callback_waiting_until_they_stop():
    answered_in_time = played([{**PAID, "heartbeat_s": 8}], *beats(6, 12, 18), answered(25.0, attempt="t.1", output=7))
    stopped = played([{**PAID, "heartbeat_s": 8}], *beats(6, 12, 18))

    assert answered_in_time.outputs == {"paid": 7}
    assert stopped.run.status is RunStatus.FAILED
    assert 26.0 <= stopped.run.at_s <= 28.0


def test_the_time_limit_counts_whatever_heartbeats_come():
    world = played([{**PAID, "heartbeat_s": 8, "timeout_s": 20}], *beats(6, 12, 18))

    assert world.run.end.failure.message == "step 'paid' failed: nobody answered within 20 s"


@pytest.mark.parametrize("limit", [{"timeout_s": 20}, {"heartbeat_s": 8}])
@pytest.mark.parametrize("output", [None, {"amount": 0}])
def test_a_callback_may_have_a_default_answer(limit, output):
    world = played([{**PAID, **limit, "on_expiry": {"output": output}}])

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"paid": output}
    assert world.run.facts.given_up == {}
    assert world.run.attempts["t.1"].handoff.summary.endswith("the default answer stands")


def test_a_message_that_comes_before_its_callback_waits_is_its_output():
    steps = [step("ask", inputs={"n": 1}), {**PAID, "after": ["ask"]}, BOOK]

    early = [(at_s, e.AnsweredEarly(at_s=0, step="paid", output=n)) for at_s, n in ((0.2, 5), (0.3, 6))]

    world = played(steps, *early)
    restarted = played(steps, *early, restarts=[Restart(after=6)])

    assert world.run.status is restarted.run.status is RunStatus.SUCCEEDED
    assert world.values["t.2"] == restarted.values["t.2"] == 5
    assert world.run.at_s < 5.0


def test_a_restart_is_not_held_against_an_outside_system():
    world = played([{**PAID, "heartbeat_s": 8}], *beats(6), answered(12.0, attempt="t.1", output=7))
    before = [event for event in world.simulation.events if event.at_s < 12.0]

    recovery = recover(RunState(world.run.id, world.task, world.catalog), before)

    assert [event.attempt for event in recovery.events if isinstance(event, e.HeartbeatReceived)] == ["t.1"]


def test_the_agent_before_a_callback_is_told_of_it():
    steps = [step("ask", inputs={"n": 1}), {**PAID, "after": ["ask"]}, step("other", "say", inputs={"n": 2})]

    world = played(steps)

    assert {order.step: order.callbacks for order in world.orders.values()} == {"ask": ("paid",), "other": ()}
