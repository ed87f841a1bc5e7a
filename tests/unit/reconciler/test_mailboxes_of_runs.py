"""Messages between the agents of a run: staged while attempts are guesses, and everything from the first on."""

import pytest
from declared import CATALOG, Declared, a_task, step

from planners.model import TaskId
from planners.tasks import RetryOf
from planners.validation import flaws
from reconciler.simulation import Restart
from reconciler.state import events as e
from reconciler.state.commands import RunStatus
from reconciler.state.kept_work import kept_attempts
from reconciler.state.messages import MailboxMessage
from reconciler.state.outcomes import Verdict
from reconciler.views.projections import timeline

TOLD = {"publishes": ["news"]}
HEARS = {"subscribes": ["news"]}
PAIR = [step("tell", mailbox=TOLD), step("listen", inputs={"k": 1}, mailbox=HEARS)]


SAID = ["tell says 0", "tell says 1"]


def test_a_subscriber_that_runs_hears_what_is_published():
    world = Declared(a_task(PAIR, mode="wait")).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.heard_by("listen") == [SAID]


def test_a_subscriber_that_starts_late_gets_everything():
    late = [PAIR[0], step("listen", after=["tell"], mailbox=HEARS)]

    assert Declared(a_task(late, mode="wait")).play().heard_by("listen") == [SAID]


def test_what_a_guess_says_is_delivered_once_a_plan_confirms_it():
    world, seen = Declared(a_task(PAIR), plan_s=1.0), []
    world.simulation.watch = lambda now_s, news: (world._watch(now_s, news), seen.append((now_s, timeline(world.run))))
    world.play()

    staged = [one for now_s, one in seen if now_s < 1.0 and one.messages]
    assert staged
    assert {note.at_s for one in staged for note in one.messages} == {None}
    assert [note.at_s for note in timeline(world.run).messages] == [1.0, 1.0]


def test_nobody_hears_what_a_flushed_attempt_has_said():
    steps = [
        step("q"),
        {
            "id": "way",
            "route": [{"when": "$steps.q == 'left'", "steps": [step("wrong", inputs={"k": 1}, mailbox=TOLD)]}],
            "else": [step("right", inputs={"k": 2}, mailbox=TOLD)],
        },
        step("listen", after=["way"], mailbox=HEARS),
    ]

    world = Declared(a_task(steps), output=lambda *_: "right", imagined={"q": "left"}, plan_s=2.0).play()

    assert {a.step.id: a.verdict for a in world.run.attempts.values()}["wrong"] is Verdict.FLUSH
    assert world.heard_by("listen")[-1] == ["right says 0 of {'k': 2}", "right says 1 of {'k': 2}"]
    assert world.run.mailbox.staged == {}


def test_a_retry_that_says_the_same_again_is_heard_once():
    def output(_capability, inputs, number):
        if not inputs and number == 1:
            raise ValueError("the first attempt fails")
        return 1

    world = Declared(a_task(PAIR, mode="wait"), output=output, seconds=lambda *_: 3.0).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert [one.message.body for one in world.run.mailbox.log] == SAID


def test_after_a_restart_subscribers_get_everything_again():
    world = Declared(a_task(PAIR, mode="wait"), seconds=lambda *_: 3.0, restarts=(Restart(after=5),)).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.heard_by("listen")[-1] == SAID


def test_a_reply_goes_to_the_step_that_asked():
    talk = {"publishes": ["news"], "subscribes": ["news"]}
    world = Declared(a_task([step("a", mailbox=talk), step("b", inputs={"k": 1}, mailbox=talk)], mode="wait"))
    reply = MailboxMessage(id="b/9", body="yes", reply_to="a/0")
    answer = e.MessagePublished(at_s=0, attempt="t.2", message=reply)
    world.simulation.post(0.9, answer)
    world.play()

    assert [one.message.reply_to for one in world.run.mailbox.log].count("a/0") == 1
    assert "yes" in world.heard_by("a")[0]
    assert "yes" not in world.heard_by("b")[0]


def test_a_task_whose_agents_say_too_much_fails():
    world = Declared(a_task(PAIR, mode="wait", mailbox_bytes=20)).play()

    assert world.run.status is RunStatus.FAILED
    assert "have published 26 bytes of messages, and limits.mailbox_bytes is 20" in world.run.end.failure.message


def test_work_with_a_mailbox_is_that_of_its_own_step_alone():
    same = [step("a", mailbox=TOLD), step("b", mailbox=TOLD)]

    plan = Declared(a_task(same, mode="wait")).play().run.plan

    keys = {planned.work_key for planned in plan.steps}
    moved = Declared(a_task([step("c", mailbox=TOLD)], mode="wait")).play().run.plan
    assert len(keys) == 2
    assert moved.steps[0].work_key not in keys


@pytest.mark.parametrize(
    ("steps", "field", "message"),
    [
        ([step("a", mailbox=HEARS)], "workflow.steps.a.mailbox.subscribes", "no step publishes 'news'"),
        ([step("a", "act", mailbox=TOLD)], "workflow.steps.a.mailbox", "no agent of 'act' can use a mailbox"),
    ],
)
def test_mailboxes_that_cannot_work_are_refused(steps, field, message):
    (flaw,) = flaws(a_task(steps), CATALOG)

    assert (flaw.field, flaw.message) == (field, message)


def test_a_retry_does_not_keep_what_follows_from_messages():
    steps = [*PAIR, step("alone", inputs={"k": 3}), step("last", inputs={"k": "$steps.listen"})]
    run = Declared(a_task(steps, mode="wait")).play().run

    kept = kept_attempts(run, RetryOf(task=TaskId("t")), promoted=(), agents=run.catalog.by_name, nodes=())

    assert {one.step.id for one in kept} == {"alone"}


def test_like_steps_without_a_mailbox_do_not_answer_for_those_with_one():
    steps = [step("plain", "act"), step("talks", "act", mailbox=TOLD)]

    assert [flaw.field for flaw in flaws(a_task(steps), CATALOG)] == ["workflow.steps.talks.mailbox"]
