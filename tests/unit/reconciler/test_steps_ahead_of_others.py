"""A guess that finishes ahead of what its step follows counts once that has finished, too: it may yet be skipped."""

import pytest
from declared import Declared, a_task, step

from reconciler.simulation import Restart
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, FailureKind, Handoff
from reconciler.state.run import RunState

PROPOSES, QUICK, BESIDE, LAST, ACT, SLOW = 1, 2, 3, 4, 5, 6
# What is proposed takes longer than all else. With plans of 0.5 s, the slow guess still runs when that is planned.
SECONDS = {PROPOSES: 0.1, QUICK: 0.1, BESIDE: 1.2, LAST: 2.0, ACT: 0.1, SLOW: 1.5}
PLANS = pytest.mark.parametrize("plan_s", [0.05, 0.5, 0.9])
AHEAD = pytest.mark.parametrize("ahead", [QUICK, SLOW])
LAST_PROPOSED = {"steps": [{"id": "last", "capability": "do", "inputs": {"n": LAST}}]}


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def seconds(_capability, inputs, _number):
    return SECONDS[inputs["n"]]


def played(*steps, plan_s, mode="forerun", fails=True, **more):
    """Run steps, some of which follow one that proposes a further step, which fails."""

    def output(capability, inputs, _number):
        n = inputs.get("n")
        if n == LAST and fails:
            return Failure(kind=FailureKind.BAD_INPUT, message=f"{n} is bad")
        return Handoff(output=n, next=LAST_PROPOSED if capability == "propose" else None)

    task = a_task([step("proposes", "propose", inputs={"n": PROPOSES}, on_failure="skip"), *steps], mode=mode)
    return Declared(task, output=output, seconds=seconds, plan_s=plan_s, most_events=5_000, **more).play()


def work(name, n, capability="do", **more):
    return step(name, capability, inputs={"n": n}, **more)


def following(n):
    return work("ahead", n, after=["proposes"])


THE_ACT = work("act", ACT, "act")
ROUTE = {"id": "way", "route": [{"when": "$steps.ahead > 0", "steps": [THE_ACT]}]}
LIST = {"id": "list", "for_each": {"cel": "[$steps.ahead]"}, "steps": [THE_ACT]}
LOOP = {"id": "loop", "loop": [{**THE_ACT, "inputs": {"n": ACT}}], "while": "$steps.ahead > 0", "max": 1}


@AHEAD
@PLANS
@pytest.mark.parametrize("fails", [True, False])
def test_a_quorum_does_not_count_a_step_that_is_ahead_of_what_it_follows(plan_s, fails, ahead):
    both = {"id": "both", "parallel": [following(ahead), work("beside", BESIDE)], "min_successful": 1}

    assert played(both, plan_s=plan_s, fails=fails).outputs["both"] == [BESIDE]


@AHEAD
@PLANS
def test_an_element_counts_once_what_its_step_follows_has_finished(plan_s, ahead):
    both = {"id": "both", "parallel": [following(ahead), work("beside", BESIDE)], "min_successful": 2}

    world = played(both, plan_s=plan_s, fails=False)

    last = next(one for one in world.run.attempts.values() if one.step.id == "proposes/last")
    assert world.outputs["both"] == [ahead, BESIDE]
    assert world.run.facts.completions["both"].at_s >= last.ended_s


@AHEAD
@PLANS
@pytest.mark.parametrize("behind", [{**THE_ACT, "after": ["ahead"]}, ROUTE, LIST, LOOP])
def test_nothing_acts_behind_a_step_that_is_skipped_after_it_has_run(plan_s, behind, ahead):
    world = played(following(ahead), behind, plan_s=plan_s)

    assert world.run.status is RunStatus.SUCCEEDED
    assert not world.done_for_good()


@AHEAD
@PLANS
@pytest.mark.parametrize("behind", [{**THE_ACT, "after": ["ahead"]}, ROUTE, LIST, LOOP])
def test_what_is_behind_such_a_step_goes_on_once_what_that_follows_has_finished(plan_s, behind, ahead):
    world = played(following(ahead), behind, plan_s=plan_s, fails=False)

    assert world.run.status is RunStatus.SUCCEEDED
    assert len(world.done_for_good()) == 1


@pytest.mark.parametrize("fails", [True, False])
def test_a_restart_at_any_event_changes_nothing(fails):
    both = {"id": "both", "parallel": [following(QUICK), work("beside", BESIDE)], "min_successful": 1}
    steps = [both, following(SLOW) | {"id": "slow"}, {**THE_ACT, "after": ["slow"]}]
    whole = played(*steps, plan_s=0.5, fails=fails)

    for after in range(1, len(whole.simulation.events) + 1):
        world = played(*steps, plan_s=0.5, fails=fails, happened=False, restarts=(Restart(after=after),))
        assert (world.outputs, len(world.done_for_good())) == (whole.outputs, 0 if fails else 1), after
