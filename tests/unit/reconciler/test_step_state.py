"""The states of steps: which may follow which, the story of a step, and why a step waits."""

import pytest
from runs import chain, finished, plan
from virtual_runs import ToldRun
from worlds import a_run

from planners.model import AttemptId, StepId, WorkKey
from planners.tasks import Mode
from planners.workflow import Pending
from reconciler.state import events as e
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.invariants import BrokenInvariant
from reconciler.state.step_state import REPLANNED, TRANSITIONS, IllegalTransition, StepState, StepStatus
from reconciler.state.step_table import StepTable
from reconciler.state.waiting import WaitKind

BROKE = Failure(kind=FailureKind.ERROR, message="it broke")


def in_state(status, **details):
    return StepState(StepId("s"), "key", status, 1.0, "planned", **details)


@pytest.mark.parametrize("status", StepStatus)
def test_only_transitions_of_the_table_are_taken(status):
    state = in_state(status)

    for following in StepStatus:
        if following in TRANSITIONS[status]:
            assert state.to(following, 2.0, "because").before is state
        else:
            with pytest.raises(IllegalTransition):
                state.to(following, 2.0, "because")


def test_an_illegal_transition_tells_the_steps_story():
    state = in_state(StepStatus.READY).to(StepStatus.DISPATCHED, 2.0, "dispatched", attempt="t.1")
    ended = state.to(StepStatus.FINISHED, 3.0, "finished", attempt="t.1")

    with pytest.raises(IllegalTransition) as error:
        ended.to(StepStatus.RUNNING, 4.0, "started")

    assert "step 's' cannot become running at 4.000 s (started)" in str(error.value)
    assert "1.000 s ready planned; 2.000 s dispatched attempt=t.1 dispatched; 3.000 s finished" in str(error.value)


@pytest.mark.parametrize("status", [StepStatus.IN_DOUBT, StepStatus.FINISHED, StepStatus.RUNNING])
def test_no_plan_takes_back_what_an_attempt_of_the_same_work_does_or_has_done(status):
    state = in_state(status, attempt="t.1")

    assert REPLANNED[status] <= {status, StepStatus.SKIPPED}
    with pytest.raises(IllegalTransition):
        state.replanned(in_state(StepStatus.READY))


def test_a_step_that_stands_for_other_work_begins_a_new_story():
    fresh = StepState(StepId("s"), "other key", StepStatus.READY, 2.0)

    assert in_state(StepStatus.IN_DOUBT, attempt="t.1").replanned(fresh) is fresh


def waiting(told, step):
    reason = told.run.waiting(step)
    return None if reason is None else reason.kind


def test_every_wait_has_its_reason():
    told = ToldRun(a_run(Mode.WAIT))
    assert waiting(told, "a") is WaitKind.PLAN

    told.plan(1.0, plan(chain("fetch", "solve"), pending=(Pending(id=StepId("each"), waits_for=StepId("b")),)))
    assert waiting(told, "a") is WaitKind.ROOM
    assert told.run.waiting("b").parents == ("a",)
    assert told.run.waiting("each").message == "after b, which it depends on"
    assert waiting(told, "unheard_of") is None

    told.tell(e.AttemptStarted(at_s=1.1, attempt="t.1", node="n1"))
    assert waiting(told, "a") is None

    told.tell(e.AttemptFailed(at_s=2.0, attempt="t.1", failure=BROKE))
    assert (waiting(told, "a"), told.run.waiting("a").retry_at_s) == (WaitKind.RETRY, 2.1)

    told.tell(e.NodeLost(at_s=2.05, node="n1"))
    reason = told.run.waiting("a")
    assert (reason.kind, reason.node, reason.epoch) == (WaitKind.NEW_PLAN, "n1", 2)


def test_a_step_tells_its_story_across_plans():
    told = ToldRun(a_run(Mode.WAIT))
    told.plan(1.0, plan(chain("fetch")))
    told.tell(e.NodeLost(at_s=2.0, node="n1"))
    told.plan(3.0, plan(chain("fetch"), node="n2"))
    finished(told.run, "t.2", 4.0)

    told_of = [line.split(" s ")[1].split()[0] for line in told.run.steps["a"].story()]
    assert told_of == ["ready", "dispatched", "blocked", "ready", "dispatched", "finished"]


def test_a_step_whose_agent_starts_at_once_has_one_state_for_both():
    table = StepTable.of(plan(chain("fetch")), {StepId("a"): WorkKey("key")}, {}, 1.0, StepTable())

    table.dispatch(StepId("a"), AttemptId("t.1"), 2.0, running=True)

    assert table["a"].status is StepStatus.RUNNING
    assert table["a"].story() == ["1.000 s ready planned", "2.000 s running attempt=t.1 started"]


def test_a_state_whose_parts_disagree_is_found():
    told = ToldRun(a_run(Mode.WAIT))
    told.plan(1.0, plan(chain("fetch")))
    told.run.attempts.put(told.run.attempts["t.1"].as_started(1.5))

    with pytest.raises(BrokenInvariant, match=r"step 'a' is dispatched and its attempt t\.1 running"):
        told.run.validate()
