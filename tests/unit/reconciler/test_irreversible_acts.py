"""An irreversible act is carried out at most once, and an attempt whose act may have happened is shown as in doubt."""

import pytest
from runs import chain, plan
from virtual_runs import ToldRun
from worlds import a_run, planned

from planners.bindings import Value
from planners.model import StepId
from planners.plans import PlanKind
from planners.tasks import Mode
from planners.workflow import Step
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.handoff import Failure, FailureKind, Handoff
from reconciler.views.projections import timeline

LOST = Failure(kind=FailureKind.NODE_LOST, message="the node has left")
LOSSES = {
    "the cluster reports the node": e.NodeLost(at_s=2.0, node="n1"),
    "the executor reports the attempt": e.AttemptFailed(at_s=2.0, attempt="t.1", failure=LOST),
}


def acting(*capabilities):
    """A run whose first attempt, of an irreversible agent on n1, is running."""
    told = ToldRun(a_run(Mode.WAIT))
    told.plan(1.0, plan(chain(*capabilities)))
    told.tell(e.AttemptStarted(at_s=1.1, attempt="t.1", node="n1"))
    return told


def acts(told):
    return [command.attempt for command in told.dispatched if command.agent.startswith("write")]


def status_shown(told, attempt="t.1"):
    return {bar.attempt: bar.status for bar in timeline(told.run).bars}[attempt]


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_an_act_that_was_running_on_a_lost_node_is_not_repeated(loss):
    told = acting("write")

    told.tell(loss)
    told.plan(3.0, plan(chain("write"), node="n2"))

    assert acts(told) == ["t.1"]


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_an_act_that_was_running_on_a_lost_node_is_in_doubt(loss):
    told = acting("write")

    told.tell(loss)

    assert status_shown(told) == "in_doubt"


def test_a_finished_act_is_not_repeated_for_its_lost_output():
    told = acting("write", "solve")
    large = Handoff(by_reference=True, output_bytes=10**6)
    told.tell(e.AttemptFinished(at_s=2.0, attempt="t.1", handoff=large, seconds=1.0))

    told.tell(e.NodeLost(at_s=2.5, node="n1"))
    told.plan(3.0, plan(chain("write", "solve"), node="n2"))

    assert acts(told) == ["t.1"]


def with_a_sibling(told):
    """The same run as `acting`, beside a step that reads nothing."""
    steps = [
        Step(id=StepId("act"), capability="write", inputs={"k": Value(value=1)}),
        Step(id=StepId("sibling"), capability="fetch", inputs={"k": Value(value=2)}),
    ]
    told.plan(1.0, planned(steps, ["write-small", "fetch-small"], ["n1", "n2"], PlanKind.OPTIMAL))
    told.tell(e.AttemptStarted(at_s=1.1, attempt="t.1", node="n1"))
    return told


ENDS = {
    "cancelled": e.CancelRequested(at_s=2.0),
    "a sibling fails": e.AttemptFailed(
        at_s=2.0, attempt="t.2", failure=Failure(kind=FailureKind.BAD_INPUT, message="k: not a text")
    ),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_an_act_that_was_running_when_its_run_ends_is_in_doubt(end):
    told = with_a_sibling(ToldRun(a_run(Mode.WAIT)))

    told.tell(end)

    assert status_shown(told) == "in_doubt"


def test_like_acts_stay_with_their_own_steps_whatever_agents_a_new_plan_chooses():
    """Plans number like steps of one agent, so with another choice of agents one step has the key of the other."""
    first, second = (Step(id=StepId(name), capability="write", inputs={"k": Value(value=1)}) for name in ("x", "y"))
    told = ToldRun(a_run(Mode.WAIT))
    told.plan(1.0, planned([first, second], ["write-large", "write-small"], ["n1", "n3"], PlanKind.OPTIMAL))
    told.tell(e.AttemptFinished(at_s=2.0, attempt="t.1", handoff=Handoff(), seconds=1.0))
    third = Step(id=StepId("z"), capability="fetch", inputs={"k": Value(value=1)})
    told.run.requests.ask(c.PlanReason.NODE_LOST, 1, told.run.facts)

    told.tell(
        e.OptimalPlanReady(
            at_s=3.0,
            epoch=2,
            plan=planned(
                [first, second, third],
                ["write-small", "write-small", "fetch-small"],
                ["n1", "n1", "n1"],
                PlanKind.OPTIMAL,
            ),
        )
    )

    assert acts(told) == ["t.1", "t.2"]
    assert [told.run.steps[step].attempt for step in "xy"] == ["t.1", "t.2"]
