"""Alarms for late attempts: a run is woken only where an attempt is late, and messages are not what is late."""

import asyncio
from types import SimpleNamespace

import pytest
from virtual_loop import in_virtual_time

from reconciler.runtime.alarms import Alarms
from reconciler.runtime.message_delays import MessageDelays
from reconciler.runtime.run_clock import RunClock
from reconciler.state import commands as c
from reconciler.state.late_attempts import Due, LateAttempts, Lateness


def a_run(**late_s):
    """A run whose attempts are late then; all of them run."""
    run = SimpleNamespace(late=LateAttempts(), attempts=SimpleNamespace(live=dict.fromkeys(late_s)))
    for attempt, at_s in late_s.items():
        run.late.watch(attempt, [Due(at_s, attempt, Lateness.HEDGE)])
    return run


def woken(run, *commands, delays=None, ends=(), handled=False):
    """When a run is woken that asks for these alarms; ``ends``: (moment, attempt) of those that end."""
    at_s = []

    async def scenario():
        loop = asyncio.get_running_loop()

        def wake(event):
            at_s.append(event.at_s)
            run.late.take_due(event.at_s)

        clock = RunClock(SimpleNamespace(monotonic_s=loop.time))
        alarms = Alarms(run, clock, delays or MessageDelays(), wake, lambda: handled)
        for command in commands:
            alarms.set(command)
        for ends_s, attempt in ends:
            loop.call_later(ends_s, run.attempts.live.pop, attempt)
        await asyncio.sleep(60.0)
        alarms.close()

    in_virtual_time(scenario())
    return at_s


def late(at_s):
    return c.WakeAt(at_s=at_s, for_late=True)


def test_a_run_is_woken_when_an_attempt_is_late():
    assert woken(a_run(a=2.0), late(2.0)) == [pytest.approx(2.0)]


def test_a_run_whose_attempts_have_ended_in_time_is_not_woken():
    assert woken(a_run(a=2.0), late(2.0), ends=[(1.0, "a")]) == []


def test_the_next_attempt_is_looked_at_without_another_command():
    assert woken(a_run(a=2.0, b=5.0), late(2.0), ends=[(1.0, "a")]) == [pytest.approx(5.0)]


def test_an_earlier_alarm_takes_the_place_of_a_later_one():
    assert woken(a_run(a=2.0, b=5.0), late(5.0), late(2.0)) == [pytest.approx(2.0)]


def test_while_messages_are_slow_an_attempt_is_late_only_beyond_their_delay():
    delays = MessageDelays()
    for _ in range(200):
        delays.note(1.0)

    assert woken(a_run(a=2.0), late(2.0), delays=delays) == [pytest.approx(2.0 + delays.margin_s)]
    assert woken(a_run(a=2.0), late(2.0), delays=delays, ends=[(3.0, "a")]) == []


def test_other_alarms_go_off_whatever_runs():
    assert woken(a_run(), c.WakeAt(at_s=2.0), c.WakeAt(at_s=1.0)) == [pytest.approx(1.0), pytest.approx(2.0)]


def test_a_run_that_a_thread_handles_is_not_read():
    assert woken(a_run(), late(2.0), handled=True) == [pytest.approx(2.0)]


def test_one_slow_start_does_little_to_the_margin():
    delays = MessageDelays()
    for _ in range(100):
        delays.note(0.002)
    usual_s = delays.margin_s
    delays.note(3_600.0)
    for _ in range(100):
        delays.note(0.002)

    assert delays.margin_s == pytest.approx(usual_s, abs=0.01)
