"""A task that finishes at its deadline ends then, although its goal is still being decomposed."""

import pytest
from runs import chain, finished, names, plan
from worlds import CATALOG, a_task

from planners.bindings import Gather, StepRef
from planners.model import StepId, TaskId
from planners.tasks import Limits, Mode
from planners.workflow import Pending, Step
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.commands import RunStatus
from reconciler.state.run import RunState

DEADLINE_S = 5.0


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def streaming(steps, outputs):
    """A run in which these steps are known of the goal by the second second, and the first of them has finished."""
    task = a_task(Mode.STREAMED).model_copy(update={"limits": Limits(deadline_s=DEADLINE_S, on_deadline="finish")})
    run = RunState(TaskId("t"), task, CATALOG)
    run.handle(e.RunStarted(at_s=0.0))
    prefix = plan(steps, complete=False, pending=(Pending(id=StepId("goal")),), outputs=outputs)
    run.handle(e.OptimalPlanReady(at_s=1.0, plan=prefix))
    finished(run, "t.1", 2.0)
    return run


def test_it_returns_what_is_there_and_names_the_rest():
    steps = chain("fetch", "solve", "solve")
    run = streaming(steps, {name: StepRef(step=StepId(name)) for name in "abc"})

    commands = run.handle(e.TimePassed(at_s=DEADLINE_S))

    assert run.status is RunStatus.SUCCEEDED
    assert list(run.end.outputs) == ["a"]
    assert "RequestPlan" not in names(commands)
    assert run.facts.given_up == {
        "b": "the deadline of 5 s had passed before step 'b' had finished",
        "goal": "the deadline of 5 s had passed before 'goal' was planned",
    }
    assert run.handle(e.OptimalPlanReady(at_s=9.0, plan=plan(steps))) == []


def test_of_a_list_it_returns_the_elements_that_are_there():
    steps = [Step(id=StepId(name), capability="fetch", inputs={}) for name in "ab"]
    gathered = Gather(gather=tuple(StepRef(step=one.id) for one in steps))
    run = streaming(steps, {"all": gathered})

    run.handle(e.TimePassed(at_s=DEADLINE_S))

    (source,) = run.end.outputs.values()
    assert source == c.ListOf(items=(c.OutputOf(attempt="t.1"),))


def test_a_plan_that_is_complete_in_time_is_asked_what_follows():
    steps = chain("fetch", "solve")
    run = streaming(steps, {})
    run.handle(e.OptimalPlanReady(at_s=3.0, plan=plan(steps, outputs={"b": StepRef(step=StepId("b"))})))

    commands = run.handle(e.TimePassed(at_s=DEADLINE_S))

    assert "RequestPlan" in names(commands)
