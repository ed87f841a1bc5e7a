"""Work that is done again because its output was lost, and the same work at several steps of one plan."""

import pytest
from declared import Declared, a_task, step
from histories import CATALOG
from virtual_runs import ToldRun
from worlds import INPUTS, planned

from planners.bindings import StepRef, Value
from planners.model import StepId
from planners.plans import PlanKind
from planners.tasks import Interchange, PlanningOptions, Task
from planners.workflow import Step, Workflow
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.handoff import Handoff
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus


def a_run(interchange=Interchange.EXACT):
    workflow = Workflow(steps=(Step(id=StepId("only"), capability="fetch"),))
    task = Task(workflow=workflow, inputs=INPUTS, planning=PlanningOptions(interchange=interchange))
    return RunState("t", task, CATALOG)


def a_step(name, capability, *parents):
    inputs = {"k": Value(value=1)} | {parent: StepRef(step=parent) for parent in parents}
    return Step(id=StepId(name), capability=capability, inputs=inputs)


def a_plan(steps, *nodes):
    agents = [f"{step.capability}-small" for step in steps]
    return planned(steps, agents, nodes, PlanKind.OPTIMAL, catalog=CATALOG)


def finish(told, order, at_s):
    large = Handoff(by_reference=True, output_bytes=10**6)
    return told.tell(e.AttemptFinished(at_s=at_s, attempt=order.attempt, handoff=large, seconds=1.0))


def promoted(commands):
    return [command.attempt for command in commands if isinstance(command, c.Promote)]


def test_an_effect_is_not_promoted_again_when_its_lost_output_is_made_again():
    steps = [a_step("a", "file"), a_step("b", "fetch", "a")]
    told = ToldRun(a_run())
    told.plan(1.0, a_plan(steps, "n1", "n2"))
    first = finish(told, told.dispatched[0], 2.0)

    told.tell(e.NodeLost(at_s=2.5, node="n1"))
    told.plan(3.0, a_plan(steps, "n3", "n2"))
    again = finish(told, told.dispatched[-1], 4.0)

    assert promoted(first) == [told.dispatched[0].attempt]
    assert [order.step for order in told.dispatched] == ["a", "b", "a"]
    assert promoted(again) == []


def test_a_finished_step_keeps_its_attempt_when_the_same_work_at_another_step_is_lost():
    steps = [a_step("a", "fetch"), a_step("b", "write", "a"), a_step("c", "fetch")]
    told = ToldRun(a_run(Interchange.INTERCHANGEABLE))
    told.plan(1.0, a_plan(steps, "n1", "n3", "n2"))
    of_c = told.dispatched[1]
    finish(told, of_c, 1.5)

    told.tell(e.NodeLost(at_s=2.0, node="n1"))
    told.plan(3.0, a_plan(steps, "n2", "n3", "n2"))

    assert told.run.steps["c"].attempt == of_c.attempt
    assert [order.step for order in told.dispatched[2:]] == ["a"]


def test_a_prefix_may_leave_out_confirmed_work_that_runs():
    steps = [a_step("a", "fetch"), a_step("b", "solve")]
    told = ToldRun(a_run())
    told.plan(1.0, a_plan([*steps, a_step("c", "file", "a")], "n2", "n2", "n1"))
    told.tell(e.NodeLost(at_s=1.5, node="n1"))

    told.plan(2.0, a_plan(steps[:1], "n2").model_copy(update={"complete": False}))

    assert not told.run.status.ended
    assert len(told.run.attempts.live) == 2


def test_a_step_whose_effect_is_out_is_done_whatever_agent_a_new_plan_chooses():
    steps = [a_step("a", "file"), a_step("b", "fetch")]
    told = ToldRun(a_run())
    told.plan(1.0, a_plan(steps, "n2", "n1"))
    finish(told, told.dispatched[0], 1.5)
    told.tell(e.NodeLost(at_s=2.0, node="n1"))

    changed = planned(steps, ["file-large", "fetch-small"], ["n2", "n3"], PlanKind.OPTIMAL, catalog=CATALOG)
    told.plan(3.0, changed)

    assert told.run.steps["a"].attempt == told.dispatched[0].attempt
    assert [order.step for order in told.dispatched] == ["a", "b", "b"]


def test_an_act_is_known_under_another_name_and_behind_another_agent():
    told = ToldRun(a_run())
    told.plan(
        1.0, a_plan([a_step("a", "fetch"), a_step("b", "write", "a"), a_step("c", "solve", "b")], "n2", "n2", "n1")
    )
    finish(told, told.dispatched[0], 1.5)
    finish(told, told.dispatched[1], 2.0)
    told.tell(e.NodeLost(at_s=2.5, node="n1"))

    fetch, write = (
        a_step("x", "fetch"),
        a_step("y", "write").model_copy(update={"inputs": {"k": Value(value=1), "a": StepRef(step="x")}}),
    )
    told.plan(
        3.0, planned([fetch, write], ["fetch-large", "write-large"], ["n3", "n3"], PlanKind.OPTIMAL, catalog=CATALOG)
    )

    assert told.run.steps["y"].attempt == told.dispatched[1].attempt


def test_the_output_of_an_act_that_is_lost_while_a_plan_streams_in_is_asked_for():
    """The prefix does not hold the act, and the rest does."""
    steps = [a_step("a", "fetch"), a_step("b", "write"), a_step("c", "solve", "a", "b")]
    told = ToldRun(a_run())
    told.plan(1.0, a_plan(steps, "n1", "n3", "n3"))
    told.tell(e.NodeLost(at_s=1.5, node="n1"))
    finish(told, told.dispatched[1], 2.0)
    again = a_plan(steps, "n2", "n3", "n3")

    told.plan(2.5, again.model_copy(update={"steps": again.steps[:1], "complete": False}))
    told.tell(e.OutputsLost(at_s=3.0, attempts=(told.dispatched[1].attempt,)))
    told.plan(3.5, again)

    assert told.run.steps["b"].status is StepStatus.IN_DOUBT


@pytest.mark.parametrize("lost_s", [1.5, 1.9, 2.1, 2.3, 2.5])
def test_a_step_that_loses_its_output_while_its_element_is_dropped_ends(lost_s, monkeypatch):
    """It had finished, so that it was left alone, and it runs again when a plan does without it."""
    monkeypatch.setattr(RunState, "validates", True)
    inner = {"id": "inner", "for_each": [1, 2], "steps": [step("a", inputs={"n": 1}), step("b", inputs={"n": "$item"})]}
    inner |= {"output": "b", "min_successful": 1, "on_failure": "skip"}
    condition = {"steps": ["inner"], "complete_when": "$results.exists(r, r < '3')"}
    joins = step("joins", inputs={"n": 1}, on_failure="skip", join=condition)
    each = {"id": "each", "for_each": [1, 2], "steps": [inner, joins], "min_successful": 1, "on_failure": "skip"}
    lost = e.OutputsLost(at_s=0, attempts=("t.1",), reason="gone")

    world = Declared(
        a_task([{**each, "output": "joins"}], mode="wait"), seconds=lambda *_: 0.9, plan_s=0.3, faults=((lost_s, lost),)
    ).play()

    assert world.run.status is c.RunStatus.SUCCEEDED
    assert world.done.count("a[0][0]") == 2
    assert world.run.steps["a[0][0]"].status in (StepStatus.FINISHED, StepStatus.SKIPPED)
