"""Losslessness: whatever is guessed and whatever fails, a declared workflow gives what it gives without speculation."""

import os

import pytest
from declared import Declared, a_task
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from random_workflows import answered, workflows

from planners.validation.structure import broken_structure
from reconciler.simulation import Restart
from reconciler.state.commands import RunStatus
from reconciler.state.run import RunState

HISTORIES = int(os.environ.get("FORERUN_LAW_HISTORIES", "100"))
pytestmark = pytest.mark.timeout(120 + HISTORIES)
INPUTS = {"seed": 7, "list": [3, 4]}
SETTINGS = {"deadline": None, "suppress_health_check": list(HealthCheck), "phases": (Phase.generate,)}


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def played(steps, mode, seconds=None, **more):
    world = Declared(
        a_task(steps, INPUTS, mode=mode),
        output=answered(),
        seconds=seconds or (lambda *_: 0.5),
        plan_s=0.3,
        happened=False,
        **more,
    )
    return world.play()


def ended(world):
    """How the task ended, and what it gives."""
    run = world.run
    if run.status is not RunStatus.SUCCEEDED:
        return run.status
    return run.status, world.outputs


def the_mailbox_tells_what_plans_have_confirmed(world):
    """All that confirmed attempts have said by their end is out, and nothing that was never confirmed.

    An act that is under way when its task fails runs to its end; nobody is left to hear what it says then.
    """
    out = {(one.attempt, one.message.id) for one in world.run.mailbox.log}
    told = {(one.message.id, one.message.body) for one in world.run.mailbox.log}
    for attempt in world.run.attempts.values():
        said = {(message.id, message.body) for message in world.said.get(attempt.id, ())}
        if attempt.settled and attempt.ended_s <= world.end_s:
            assert said <= told
        if attempt.began_speculative and attempt.confirmed_s is None:
            assert not any(one == attempt.id for one, _ in out)


def drawn_seconds(draws):
    return lambda _capability, _inputs, number: draws[number % len(draws)]


@settings(max_examples=HISTORIES, **SETTINGS)
@given(
    workflows(effects=True),
    st.lists(st.sampled_from([0.1, 0.4, 0.9, 3.0]), min_size=1, max_size=7),
    st.dictionaries(st.sampled_from([f"n{n}" for n in range(1, 9)]), st.sampled_from(["0", "5", "f", 3]), max_size=3),
    st.lists(st.integers(1, 30), max_size=2).map(sorted),
)
def test_speculation_changes_nothing_but_the_time(steps, seconds, imagined, kills):
    task = a_task(steps, INPUTS)
    assert not list(broken_structure(task.workflow))
    plain = played(steps, "wait")

    guessed = played(
        steps,
        "forerun",
        drawn_seconds(seconds),
        imagined=imagined,
        restarts=tuple(Restart(after=after) for after in dict.fromkeys(kills)),
    )

    assert plain.run.status.ended
    assert guessed.run.status.ended
    # A task that fails may be cut short at another of its failures, but fails all the same.
    assert ended(guessed) == ended(plain), steps
    guessed.done_for_good()
    the_mailbox_tells_what_plans_have_confirmed(guessed)
