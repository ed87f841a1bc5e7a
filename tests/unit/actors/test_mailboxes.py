"""What agents publish and hear, in one process and in virtual time."""

import asyncio

import pytest
from talking_agents import SAID, answers, asks, criticises, proposes, talk, whispers

import forerun
from actors.errors import BadOutput
from actors.mailbox import MAX_MESSAGES, AttemptMailbox
from planners.tasks import Task
from planners.topics import MailboxTopics
from reconciler.state.commands import RunStatus
from reconciler.state.messages import MailboxMessage

TOPICS = MailboxTopics(publishes=("out",), subscribes=("in",))
AGENTS = [proposes, criticises, asks, answers, whispers]


def run(document):
    return forerun.run(Task.model_validate(document), agents=AGENTS, virtual_time=True)


def a_mailbox(posted=None, max_bytes=1_000):
    return AttemptMailbox("me", TOPICS, ([] if posted is None else posted).append, max_bytes)


def told(name, body=None, topic="in", **more):
    return MailboxMessage(id=name, topic=topic, body=body, **more)


def test_agents_talk_while_they_run():
    view = run(talk())

    assert view.status is RunStatus.SUCCEEDED, view.failure
    assert view.outputs == {name: said for name, said in SAID.items() if name != "critic"}


def test_a_topic_that_the_step_does_not_declare_is_refused():
    step = {"id": "a", "capability": "whisper", "inputs": {"topic": "secret"}, "mailbox": {"publishes": ["other"]}}

    view = run({"workflow": {"steps": [step]}})

    assert view.status is RunStatus.FAILED
    assert "the step does not declare that it publishes 'secret'" in view.failure.message


def test_a_step_without_a_mailbox_has_none():
    step = {"id": "a", "capability": "whisper", "inputs": {"topic": "secret"}}

    assert "the step that agent 'whispers' does has no mailbox" in run({"workflow": {"steps": [step]}}).failure.message


async def test_messages_are_numbered_and_copied():
    posted, body = [], {"x": [1]}
    mailbox = a_mailbox(posted)

    mailbox.publish("out", body)
    body["x"].append(2)
    mailbox.reply(told("other/3"), "yes")

    assert posted == [
        MailboxMessage(id="me/0", topic="out", body={"x": [1]}),
        MailboxMessage(id="me/1", body="yes", reply_to="other/3"),
    ]
    assert (posted[1].sender, posted[1].asker) == ("me", "other")


async def test_messages_that_arrive_again_are_read_once():
    mailbox = a_mailbox()
    mailbox.take([told("a/0", 1), told("a/1", 2)])
    mailbox.take([told("a/0", 1), told("a/2", 3)])

    assert [(await mailbox.receive("in", 1.0)).body for _ in range(3)] == [1, 2, 3]
    with pytest.raises(TimeoutError):
        await mailbox.receive("in", 0.0)


async def test_a_request_gets_the_reply_to_it():
    mailbox = a_mailbox()

    asked = asyncio.ensure_future(mailbox.request("out", "well?", 5.0))
    await asyncio.sleep(0)
    mailbox.take([told("b/0", "of another", topic="", reply_to="me/9"), told("b/1", "yes", topic="", reply_to="me/0")])

    assert await asked == "yes"


@pytest.mark.parametrize(
    ("topic", "body", "error"),
    [("in", 1, BadOutput), ("out", "x" * 1_000, BadOutput), ("out", float("nan"), BadOutput)],
)
async def test_what_cannot_be_published_is_refused(topic, body, error):
    with pytest.raises(error):
        a_mailbox().publish(topic, body)


async def test_an_attempt_publishes_so_much_and_no_more():
    mailbox = a_mailbox()
    for _ in range(MAX_MESSAGES):
        mailbox.publish("out")

    with pytest.raises(BadOutput, match="more than 1000 messages"):
        mailbox.publish("out")
