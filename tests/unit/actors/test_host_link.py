"""Executor and host exchange many attempts in few calls, and every attempt hears of its end."""

import asyncio
import pickle
from dataclasses import replace

import pytest
import sample_agents as s
import talking_agents as talking
from host_here import HostHere
from ray.exceptions import ObjectLostError, RayActorError

from actors.executor.containment import RunningMark
from actors.executor.host_link import HostLink
from actors.executor.messages import Orders
from actors.invocation import Invocation
from planners.agents import AgentKind
from planners.topics import MailboxTopics
from reconciler.state.messages import MailboxMessage

GUARD_S = 30.0


@pytest.fixture
async def host(tmp_path):
    return HostHere(RunningMark(tmp_path / "mark"))


@pytest.fixture
async def by_calls(host):
    """A link to a host on another machine."""
    return HostLink(host)


@pytest.fixture(params=["calls", "socket"])
async def link(host, request):
    made = HostLink(host)
    await made.connect(await host.listen() if request.param == "socket" else None)
    yield made
    await host.closed(made)


def a_call(number, agent=s.add, **inputs):
    target = f"{agent.__module__}:{agent.__name__}"
    known = {"task": "t", "agent": "a", "kind": AgentKind.ASYNC, "work_key": "k", "inline_bytes": 100}
    return Invocation(attempt=f"t.{number}", target=target, inputs=inputs, **known)


async def ended(end):
    return await asyncio.wait_for(end, GUARD_S)


async def lost():
    raise ObjectLostError("ref", "owner", "stack")


async def test_attempts_of_one_tick_travel_in_one_call_and_so_do_their_ends(host, by_calls):
    ends = [by_calls.run(a_call(n, a=n)) for n in range(20)]

    outputs = [(await ended(end)).ended.handoff.output for end in ends]

    assert outputs == [n + 1 for n in range(20)]
    assert host.calls == ["exchange"]


async def test_attempts_and_their_ends_go_through_the_socket_if_there_is_one(host):
    link = HostLink(host)
    await link.connect(await host.listen())

    ends = [link.run(a_call(n, a=n)) for n in range(20)]

    assert [(await ended(end)).ended.handoff.output for end in ends] == [n + 1 for n in range(20)]
    assert host.calls == []
    await host.closed(link)


async def test_a_host_that_closes_its_socket_is_of_no_use_any_more(host):
    link = HostLink(host)
    await link.connect(await host.listen())
    await ended(link.run(a_call(0, a=1)))
    host.streams[0].close()

    with pytest.raises(RayActorError):
        await ended(link.run(a_call(1, s.waits)))
    with pytest.raises(RayActorError):
        await ended(link.run(a_call(2, a=1)))
    host.attempts.take(Orders(flushed=["t.1"]))


async def test_a_later_attempt_does_not_wait_for_the_end_of_an_earlier_one(link):
    waiting = link.run(a_call(1, s.waits))
    await asyncio.sleep(0.01)

    later = await ended(link.run(a_call(2, a=1)))

    assert later.ended.handoff.output == 2
    assert not waiting.done()


async def test_messages_are_bounded(by_calls, host):
    ends = [by_calls.run(a_call(n, a=n)) for n in range(600)]

    assert len([await ended(end) for end in ends]) == 600
    assert len(host.calls) < 12


async def test_a_flushed_attempt_ends_without_a_result_wherever_it_is(link):
    running = link.run(a_call(1, s.waits))
    await asyncio.sleep(0.01)
    unsent = link.run(a_call(2, s.waits))

    link.flush(["t.1", "t.2"])

    assert [(await ended(end)).ended for end in (running, unsent)] == [None, None]


async def test_the_end_of_a_host_reaches_all_its_attempts(host, link):
    ends = [link.run(a_call(n, s.waits)) for n in range(3)]
    await asyncio.sleep(0.01)
    ends.append(link.run(a_call(3, s.waits)))

    host.die()

    for end in ends:
        with pytest.raises(RayActorError):
            await ended(end)


async def test_a_lost_input_fails_only_the_attempt_that_reads_it(link):
    fine = link.run(a_call(1, a=1))
    broken = link.run(a_call(2, s.reads), [lost()])

    with pytest.raises(ObjectLostError):
        await ended(broken)
    assert (await ended(fine)).ended.handoff.output == 2


async def test_a_large_output_is_fetched_apart(host, link):
    returned = await ended(link.run(a_call(1, s.makes_in_host, size=500)))

    body = await (await link.body("t.1"))

    assert returned.is_large
    assert returned.ended.handoff.output is None
    assert len(body) > 500
    assert len(pickle.dumps(returned)) < 500


async def test_a_large_output_that_nobody_waits_for_is_dropped(host, link):
    end = link.run(a_call(1, s.makes_in_host, size=500))
    end.cancel()
    await ended(link.run(a_call(2, a=1)))
    await ended(link.run(a_call(3, a=1)))

    with pytest.raises(KeyError):
        host.attempts.body("t.1")


def a_talking_call(number, agent, **inputs):
    topics = MailboxTopics(publishes=("questions",), subscribes=("questions",))
    return replace(a_call(number, agent, **inputs), step=f"s{number}", mailbox=topics)


async def test_messages_of_attempts_travel_while_they_run(link):
    posts = asyncio.Queue()
    asking = link.run(a_talking_call(1, talking.asks, question="well?"))
    link.listen("t.1", posts.put_nowait)
    asked = await ended(posts.get())

    link.deliver("t.1", [MailboxMessage(id="s2/0", body="yes", reply_to=asked.id)])

    assert (await ended(asking)).ended.handoff.output == "yes"
    assert (asked.id, asked.topic, asked.body) == ("s1/0", "questions", "well?")


async def test_messages_wait_for_an_attempt_whose_inputs_are_on_their_way(link):
    inputs = asyncio.get_running_loop().create_future()
    answering = link.run(a_talking_call(2, talking.answers, count=1), [inputs])
    link.deliver("t.2", [MailboxMessage(id="s1/0", topic="questions", body="well?")])
    other = link.run(a_call(3, a=1))
    assert (await ended(other)).ended.handoff.output == 2

    inputs.set_result(b"1")

    assert (await ended(answering)).ended.handoff.output == ["s1"]
