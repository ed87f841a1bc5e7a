"""Nodes that are lost before the plan arrives: the run goes on without them, and lost outputs are made again."""

import pytest
from runs import SOON, chain, guess, plan
from virtual_runs import ToldRun, play
from worlds import CATALOG, a_run, a_task, planned

from planners.plans import PlanKind
from planners.tasks import Mode, PlanningOptions
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.handoff import Failure, FailureKind, Handoff
from reconciler.state.run import RunState

GONE = Failure(kind=FailureKind.NODE_LOST, message="node n1 is no longer part of the cluster")
STALE = plan(chain("fetch"), node="n1")
FRESH = plan(chain("fetch"), node="n2")


def without_n1(*plans):
    """Answers of a world without node n1. Its planner returns ``plans`` in order of epoch, then always the last one."""

    def answer(command, now_s):
        match command:
            case c.RequestPlan(epoch=epoch):
                made = plans[min(epoch, len(plans)) - 1]
                return [e.OptimalPlanReady(at_s=now_s + 1.0, plan=made, epoch=epoch)]
            case c.Dispatch(attempt=attempt, node="n1"):
                return [e.AttemptFailed(at_s=now_s + 0.1, attempt=attempt, failure=GONE)]
            case c.Dispatch(attempt=attempt):
                return [e.AttemptFinished(at_s=now_s + 1.0, attempt=attempt, handoff=Handoff(), seconds=1.0)]
            case _:
                return []

    return answer


@pytest.mark.parametrize("mode", [Mode.WAIT, Mode.FORERUN])
def test_a_node_lost_while_the_first_plan_was_made_is_planned_around(mode):
    lost = e.NodeLost(at_s=0.5, node="n1")

    assert play(a_run(mode), without_n1(STALE, FRESH), lost) is c.RunStatus.SUCCEEDED


def oracle():
    options = PlanningOptions(mode=Mode.ORACLE, plan=STALE)
    return RunState("t", a_task().model_copy(update={"planning": options}), CATALOG)


def test_a_node_lost_before_a_given_plan_starts_is_planned_around():
    assert play(oracle(), without_n1(STALE, FRESH), e.NodeLost(at_s=0.0, node="n1")) is c.RunStatus.SUCCEEDED


def test_a_run_whose_plans_never_leave_a_lost_node_ends():
    assert play(oracle(), without_n1(STALE), e.NodeLost(at_s=0.0, node="n1")) is c.RunStatus.FAILED


def test_a_run_that_needs_the_lost_node_fails_and_names_node_and_step():
    told = ToldRun(a_run(Mode.WAIT))
    told.tell(e.OptimalPlanReady(at_s=0.1, plan=STALE))
    told.tell(e.NodeLost(at_s=0.5, node="n1"))
    none = Failure(kind=FailureKind.PLANNING, message="no node has lasers 1", fix="add a node")

    told.tell(e.PlanningFailed(at_s=0.6, epoch=told.run.requests.requested, failure=none))

    failure = told.run.end.failure
    assert failure.message.endswith(
        "node n1 is no longer part of the cluster, and there is no plan without it: no node has lasers 1"
    )
    assert (failure.evidence.node, failure.evidence.step, failure.fix) == ("n1", "a", "add a node")


def test_the_lost_output_of_a_guess_is_made_again():
    told = ToldRun(a_run())
    told.tell(e.SpeculativePlanReady(at_s=0.01, plan=guess(chain("fetch", "solve")), conditions=SOON))
    large = Handoff(by_reference=True, output_bytes=10**6)
    told.tell(e.AttemptFinished(at_s=0.5, attempt="t.1", handoff=large, seconds=0.4))
    told.tell(e.NodeLost(at_s=0.8, node="n1"))
    told.dispatched.clear()

    told.plan(3.0, plan(chain("fetch", "solve"), node="n2"))

    assert [command.step for command in told.dispatched] == ["a"]


def test_what_made_a_lost_output_is_made_again_too_where_its_own_output_was_lost():
    """The last step reads b, b reads a, and the outputs of both were large."""
    told = ToldRun(a_run(Mode.WAIT))
    told.plan(1.0, plan(chain("fetch", "solve", "fetch"), node="n1"))
    large = Handoff(by_reference=True, output_bytes=10**6)
    told.tell(e.AttemptFinished(at_s=2.0, attempt="t.1", handoff=large, seconds=1.0))
    told.tell(e.AttemptFinished(at_s=3.0, attempt="t.2", handoff=large, seconds=1.0))
    told.tell(e.NodeLost(at_s=3.5, node="n1"))
    told.dispatched.clear()

    told.plan(4.0, plan(chain("fetch", "solve", "fetch"), node="n2"))

    assert [command.step for command in told.dispatched] == ["a"]
    told.tell(e.AttemptFinished(at_s=5.0, attempt=told.dispatched[-1].attempt, handoff=large, seconds=1.0))
    assert [command.step for command in told.dispatched] == ["a", "b"]


def test_outputs_that_a_restart_lost_are_made_again_where_they_were_made():
    told = ToldRun(a_run(Mode.WAIT))
    told.plan(1.0, plan(chain("fetch", "solve")))
    large = Handoff(by_reference=True, output_bytes=10**6)
    told.tell(e.AttemptFinished(at_s=2.0, attempt="t.1", handoff=large, seconds=1.0))

    told.tell(e.OutputsLost(at_s=3.0, attempts=("t.1",)))

    assert [(command.step, command.node) for command in told.dispatched] == [("a", "n1"), ("b", "n1"), ("a", "n1")]


def test_a_node_on_which_nothing_is_needed_leads_to_no_new_plan():
    told = ToldRun(a_run(Mode.WAIT))
    told.plan(1.0, plan(chain("fetch", "solve"), node="n1"))

    assert told.tell(e.NodeLost(at_s=2.0, node="n3")) == []


def test_steps_that_are_not_on_the_lost_node_start_while_the_others_wait_for_a_new_plan():
    told = ToldRun(a_run(Mode.WAIT))
    told.tell(e.NodeLost(at_s=0.5, node="n1"))
    steps = [one.model_copy(update={"inputs": {"k": one.inputs["k"]}}) for one in chain("fetch", "solve")]

    told.plan(1.0, planned(steps, ["fetch-small", "solve-small"], ["n1", "n2"], PlanKind.OPTIMAL))

    assert [command.step for command in told.dispatched] == ["b"]
    assert (told.asked[-1].reason, told.asked[-1].without_nodes) == (c.PlanReason.NODE_LOST, ("n1",))
