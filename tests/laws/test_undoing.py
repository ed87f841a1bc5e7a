"""Whatever fails, and whenever a task is cancelled or the service restarted: what has succeeded is undone, once."""

import os

import pytest
from declared import Declared, a_task
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from random_workflows import answered, workflows

from planners.compensation import PREFIX, is_undo
from reconciler.simulation import Restart
from reconciler.state import events as e
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run import RunState

HISTORIES = int(os.environ.get("FORERUN_LAW_HISTORIES", "100"))
pytestmark = pytest.mark.timeout(120 + HISTORIES)
BAD = Failure(kind=FailureKind.BAD_INPUT, message="bad")


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def undone_in_order(run):
    """What the end of the task undid, each once, in the order of first attempts; a failed try undid its own before."""
    made = {} if run.undoing is None else run.undoing.made
    return list(dict.fromkeys(one.step.id for one in run.attempts.values() if one.step.id in made))


@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate,))
@given(
    workflows(undo=True, effects=True),
    st.sampled_from(["wait", "forerun"]),
    st.lists(st.sampled_from([0.1, 0.4, 0.9, 3.0]), min_size=1, max_size=7),
    st.tuples(st.sampled_from([0.2, 1.0, 2.0, 5.0]), st.sampled_from([None, None, 0.8, 1.2, 2.0, 4.0])),
    st.lists(st.integers(1, 30), max_size=2).map(sorted),
)
def test_a_task_that_does_not_succeed_undoes_what_its_steps_have_done(steps, mode, seconds, moments, kills):
    fails_s, cancel_s = moments
    steps = [*steps, {"id": "fails", "capability": "say", "inputs": {"fails": 1}}]
    agents = answered(10)
    world = Declared(
        a_task(steps, {"seed": 7, "list": [3, 4]}, mode=mode),
        output=lambda capability, inputs, number: BAD if "fails" in inputs else agents(capability, inputs, number),
        seconds=lambda _, inputs, number: fails_s if "fails" in inputs else seconds[number % len(seconds)],
        plan_s=0.3,
        happened=False,
        faults=() if cancel_s is None else ((cancel_s, e.CancelRequested(at_s=0)),),
        restarts=tuple(Restart(after=after) for after in dict.fromkeys(kills)),
    ).play()

    run = world.run
    assert run.status.ended
    assert run.status is not RunStatus.SUCCEEDED
    begun = undone_in_order(run)
    did = {one.step.id: one for one in run.attempts.values() if one.took_effect and one.step.compensate is not None}
    undone = {one.step.id for one in run.attempts.values() if one.took_effect and is_undo(one.step.id)}
    failed = set() if run.undoing is None else run.undoing.failed.keys()
    assert undone | failed == {PREFIX + step for step in did}
    assert undone.isdisjoint(failed)
    done_s = [
        max(did[step.removeprefix(PREFIX)].ended_s, did[step.removeprefix(PREFIX)].confirmed_s or 0) for step in begun
    ]
    assert done_s == sorted(done_s, reverse=True)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate,))
@given(
    workflows(undo=True),
    st.sampled_from(["wait", "forerun"]),
    st.lists(st.sampled_from([0.1, 0.4, 0.9, 3.0]), min_size=1, max_size=7),
    st.lists(st.integers(1, 30), max_size=2).map(sorted),
)
def test_what_was_done_in_a_failed_try_is_undone_once_before_the_fallback_begins(steps, mode, seconds, kills):
    first = [*steps, {"id": "fails", "capability": "say", "inputs": {"fails": 1}}]
    # Work that nothing else does, so that no attempt begins before it is the fallback's.
    fallback = [{"id": name, "capability": "do", "inputs": {"instead": name}} for name in ("instead", "end")]
    block = {"id": "block", "try": first, "fallback": fallback}
    agents = answered(10)
    world = Declared(
        a_task([block], {"seed": 7, "list": [3, 4]}, mode=mode),
        output=lambda capability, inputs, number: BAD if "fails" in inputs else agents(capability, inputs, number),
        seconds=lambda _, inputs, number: 2.0 if "fails" in inputs else seconds[number % len(seconds)],
        plan_s=0.3,
        happened=False,
        restarts=tuple(Restart(after=after) for after in dict.fromkeys(kills)),
    ).play()

    run = world.run
    assert run.status.ended
    attempts = run.attempts.values()
    did = {one.step.id for one in attempts if one.took_effect and one.step.compensate is not None}
    undone = [one.step.id for one in attempts if one.took_effect and is_undo(one.step.id)]
    given_up = {step for step in run.facts.given_up if is_undo(step)} | set(run.undoing.failed if run.undoing else ())
    assert {*undone, *given_up} == {PREFIX + step for step in did}
    assert len(undone) == len(set(undone))
    if run.status is RunStatus.SUCCEEDED:
        begun_s = min(one.dispatched_s for one in attempts if one.step.id in ("instead", "end"))
        assert all(one.ended_s <= begun_s for one in attempts if one.step.id in undone)
