"""Attempts that follow one another share a Ray task while nobody else lacks room, and each hears of its end."""

import asyncio

import pytest
from attempts import until
from ray.exceptions import NodeDiedError, RayTaskError, TaskUnschedulableError, WorkerCrashedError
from sessions_here import NODE, ONE_CPU, A, B, SessionsHere, a_call, ends

from actors.executor import worker_sessions
from actors.executor.open_session import NeverBegan
from actors.executor.session_place import AwaitedSession
from actors.executor.worker_session import SessionUnreachable
from planners.resources import Resources


@pytest.fixture
async def here(monkeypatch):
    for name in ("LEASE_S", "LINGER_S", "_PATIENCE_S"):
        monkeypatch.setattr(worker_sessions, name, 600.0)
    made = SessionsHere()
    yield made
    made.sessions.close()
    for task in (task for worker in made.made for task in worker.tasks):
        await task.gone()
    await until(lambda: len(asyncio.all_tasks()) == 1)


async def test_attempts_that_follow_one_another_share_a_session(here):
    first, end = await here.begun("t.1")
    here.tasks()[0].returns("t.1")
    assert (await end).ended.handoff.output == "t.1"

    second, end = await here.run("t.2")
    here.tasks()[0].returns("t.2")

    assert (await end).ended.handoff.output == "t.2"
    assert second is first
    assert first.stack == f"stack-{first.number}"
    assert here.tasks()[0].got == ["t.1", "t.2"]


async def test_ray_is_asked_for_no_more_sessions_than_fit(here):
    waiting = [asyncio.ensure_future(here.run(f"t.{number}")) for number in range(5)]
    await until(lambda: A in here.workers and here.tasks())
    assert len(here.tasks()) == 2

    await here.tasks()[0].begin()
    for number in range(5):
        await until(lambda number=number: waiting[number].done())
        here.tasks()[0].returns(f"t.{number}")

    assert here.tasks()[0].got == [f"t.{number}" for number in range(5)]


async def test_agents_without_resources_have_as_many_sessions_as_processes(here):
    waiting = [asyncio.ensure_future(here.run(f"t.{number}", needs=Resources())) for number in range(5)]
    await until(lambda: A in here.workers and here.tasks())

    assert len(here.tasks()) == 3
    for one in waiting:
        one.cancel()


async def test_a_session_ends_after_a_while_so_that_others_have_a_turn(here, monkeypatch):
    _, end = await here.begun("t.1")
    monkeypatch.setattr(worker_sessions, "LEASE_S", -1.0)
    waiting = asyncio.ensure_future(here.run("t.2"))

    here.tasks()[0].returns("t.1")
    await end
    await until(lambda: here.tasks()[0].got == ["t.1", None])
    monkeypatch.setattr(worker_sessions, "LEASE_S", 600.0)
    await here.tasks()[-1].begin()

    session, _ = await waiting
    assert session.number == here.tasks()[-1].number
    assert here.tasks()[0].got == ["t.1", None]


async def test_another_session_is_asked_for_once_the_task_of_one_that_is_over_has_ended(here, monkeypatch):
    """Else Ray would start another process, as the one that it has is not free yet."""
    await here.begun("t.1")
    await here.begun("t.2")
    waiting = asyncio.ensure_future(here.run("t.3"))
    monkeypatch.setattr(worker_sessions, "LEASE_S", -1.0)

    here.tasks()[0].returns("t.1")
    await until(lambda: here.tasks()[0].got == ["t.1", None])
    assert len(here.tasks()) == 2
    here.tasks()[0].ends()

    await until(lambda: len(here.tasks()) == 3)
    waiting.cancel()


async def test_a_session_that_has_nothing_to_do_for_a_while_ends(here, monkeypatch):
    monkeypatch.setattr(worker_sessions, "LINGER_S", 0.0)

    await here.idle()

    await until(lambda: here.tasks()[0].got == ["t.0", None])
    assert here.sessions.held() == {}


async def test_idle_sessions_make_room_for_another_agent(here):
    await here.idle("t.1")
    await here.idle("t.2", B)  # two CPUs: there is room for both

    assert here.tasks()[0].got == ["t.1"]
    waiting = asyncio.ensure_future(here.run("t.3", ("c", NODE)))

    await until(lambda: None in here.tasks()[0].got and None in here.tasks(B)[0].got)
    waiting.cancel()


async def test_an_idle_session_ends_when_another_agent_waits_though_there_seemed_to_be_room(here, monkeypatch):
    monkeypatch.setattr(worker_sessions, "_PATIENCE_S", 0.0)
    await here.idle("t.1")

    waiting = asyncio.ensure_future(here.run("t.2", B))  # others than this executor hold the second CPU

    await until(lambda: None in here.tasks()[0].got)
    waiting.cancel()


async def test_no_session_stays_idle_while_a_task_of_its_own_waits(here):
    _, end = await here.begun("t.1")

    with here.sessions.making_room(NODE, ONE_CPU):
        here.tasks()[0].returns("t.1")
        await end

        await until(lambda: here.tasks()[0].got == ["t.1", None])


async def test_what_needs_no_resources_lacks_no_room(here):
    waiting = asyncio.ensure_future(here.run("t.1", B, Resources()))
    await until(lambda: B in here.workers)

    with here.sessions.making_room(NODE, Resources()):
        await here.idle()

    assert here.tasks()[0].got == ["t.0"]
    waiting.cancel()


async def test_an_attempt_that_is_flushed_while_it_waits_takes_no_session(here):
    waiting = asyncio.ensure_future(here.run("t.1"))
    await until(lambda: A in here.workers and here.tasks())

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await here.tasks()[0].begin()

    await until(lambda: here.tasks()[0].got == [None])
    assert here.cancelled == here.tasks()[:1]
    assert here.sessions.held() == {}


async def test_a_session_that_a_flushed_attempt_was_given_serves_the_next_one(here):
    place = await here.place()
    session, end = await here.begun("t.1")
    waiting = asyncio.ensure_future(AwaitedSession().at(place))
    await asyncio.sleep(0)

    here.tasks()[0].returns("t.1")
    await end
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert (await here.run("t.2"))[0] is session


async def test_flushing_ends_the_process_of_a_running_attempt(here):
    session, _ = await here.begun("t.1")

    session.cancel("t.1")

    assert here.cancelled == here.tasks()[:1]
    again, _ = await here.begun("t.2")
    assert again is not session


async def test_flushing_an_attempt_that_has_ended_harms_no_other(here):
    session, end = await here.begun("t.1")
    here.tasks()[0].returns("t.1")
    await end
    await here.run("t.2")

    session.cancel("t.1")

    assert here.cancelled == []


async def test_an_attempt_hears_that_its_process_is_lost(here):
    _, end = await here.begun("t.1")

    await until(lambda: here.tasks()[0].got == ["t.1"])
    here.tasks()[0].ends(WorkerCrashedError())

    with pytest.raises(WorkerCrashedError) as lost:
        await end
    assert not isinstance(lost.value, NeverBegan)
    assert here.sessions.held() == {}


async def test_what_a_process_has_sent_before_its_death_counts(here):
    _, end = await here.begun("t.1")

    here.tasks()[0].returns("t.1")
    here.tasks()[0].ends(WorkerCrashedError())

    assert (await end).ended.handoff.output == "t.1"


async def test_an_attempt_hears_that_its_process_was_lost_before_it_began(here):
    session = await here.idle()
    session.fail(WorkerCrashedError())

    with pytest.raises(NeverBegan):
        await ends(session, a_call("t.1"))


async def test_an_attempt_that_its_process_has_not_read_never_began(here):
    await here.idle()
    here.tasks()[0].stops_reading()
    _, end = await here.run("t.1")
    await asyncio.sleep(0)

    here.tasks()[0].disconnects()

    with pytest.raises(NeverBegan):
        await end
    assert here.tasks()[0].got == ["t.0"]


async def test_a_session_whose_connection_has_ended_gets_no_attempt_though_ray_does_not_know_yet(here):
    session = await here.idle()

    here.tasks()[0].disconnects()
    await until(lambda: session.gone)

    assert (await here.begun("t.2"))[0] is not session


async def test_an_idle_session_that_is_lost_gets_no_attempt(here):
    session = await here.idle()

    here.tasks()[0].ends(WorkerCrashedError())
    await until(lambda: session.gone)

    assert (await here.begun("t.2"))[0] is not session


async def test_a_session_that_ray_cannot_start_fails_the_attempt_that_it_was_for(here):
    waiting = [asyncio.ensure_future(here.run(f"t.{number}")) for number in range(2)]
    await until(lambda: A in here.workers and len(here.tasks()) == 2)

    here.tasks()[0].ends(TaskUnschedulableError(""))

    with pytest.raises(TaskUnschedulableError):
        await waiting[0]
    await here.tasks()[1].begin()
    await waiting[1]


async def test_an_attempt_whose_session_is_lost_before_it_has_begun_never_began(here):
    waiting = asyncio.ensure_future(here.run("t.1"))
    await until(lambda: A in here.workers and here.tasks())

    here.tasks()[0].ends(NodeDiedError("gone"))

    with pytest.raises(NeverBegan) as lost:
        await waiting
    assert isinstance(lost.value.why, NodeDiedError)


async def test_where_the_socket_cannot_be_reached_there_are_no_sessions(here):
    waiting = [asyncio.ensure_future(here.run(f"t.{number}")) for number in range(5)]
    await until(lambda: A in here.workers and here.tasks())
    cause = SessionUnreachable("no", "node", "")

    here.tasks()[0].ends(RayTaskError("session", "", cause))

    errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert [error.cause for error in errors] == [cause] * 5
    assert await here.place() is None


async def test_a_session_with_a_large_output_gets_no_attempt_any_more(here):
    session, end = await here.begun("t.1")

    here.tasks()[0].returns("t.1", large=True)

    assert (await end).is_large
    assert (await here.begun("t.2"))[0] is not session


async def test_after_a_reload_attempts_get_new_sessions(here):
    busy, end = await here.begun("t.1")
    old = here.workers[A]

    here.sessions.retire()
    old.tasks[0].returns("t.1")
    await end

    await until(lambda: old.tasks[0].got == ["t.1", None])
    assert (await here.begun("t.2"))[0] is not busy


async def test_sessions_without_an_attempt_are_counted_as_held(here):
    await here.idle()
    waiting = asyncio.ensure_future(here.run("t.1", B))
    await until(lambda: B in here.workers)

    held = here.sessions.held()[NODE]

    assert (held.running, held.waiting) == (Resources(), Resources(cpus=2))
    waiting.cancel()


async def test_the_sessions_of_a_lost_node_are_told_and_forgotten(here):
    await here.idle()

    assert here.sessions.drop(NODE) == here.tasks()
    assert here.sessions.held() == {}


async def test_closing_ends_every_session(here):
    session, _ = await here.begun("t.1")

    here.sessions.close()

    assert here.cancelled == here.tasks()[:1]
    assert session.gone
