"""How often a run may be planned anew: as long as it makes progress."""

from runs import chain, finished, names, plan
from virtual_runs import play
from worlds import a_run, planned

from planners.bindings import StepRef, Value
from planners.model import StepId
from planners.plans import PlanKind
from planners.tasks import Mode
from planners.workflow import Pending, Step
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.handoff import Failure, FailureKind, Handoff


def a_step(name, number, reads=None):
    inputs = {"k": Value(value=number)} | ({"one": StepRef(step=StepId(reads))} if reads else {})
    return Step(id=StepId(name), capability="fetch", inputs=inputs)


def on_one_node(steps, **more):
    return planned(steps, ["fetch-small"] * len(steps), ["n1"] * len(steps), PlanKind.OPTIMAL, **more)


def test_steps_that_all_last_longer_than_estimated_exhaust_no_run():
    steps = [a_step(f"s{n}", n, f"s{n - 1}" if n else None) for n in range(30)]

    def answer(command, now_s):
        match command:
            case c.RequestPlan(epoch=epoch):
                return [e.OptimalPlanReady(at_s=now_s + 0.01, plan=on_one_node(steps), epoch=epoch)]
            case c.Dispatch(attempt=attempt):
                return [e.AttemptFinished(at_s=now_s + 8, attempt=attempt, handoff=Handoff(), seconds=8)]
            case _:
                return []

    assert play(a_run(Mode.WAIT), answer) is c.RunStatus.SUCCEEDED


def test_lists_that_become_known_one_after_another_exhaust_no_run():
    lists = [a_step(f"list{n}", n) for n in range(25)]

    def unrolled(known):
        checks = [a_step(f"check-{name}", 100 + n, name) for n, name in enumerate(sorted(known))]
        waiting = tuple(Pending(id=f"each-{one.id}", waits_for=one.id) for one in lists if one.id not in known)
        return on_one_node([*lists, *checks], pending=waiting)

    def answer(command, now_s):
        match command:
            case c.RequestPlan(epoch=epoch, known_from=known):
                return [e.OptimalPlanReady(at_s=now_s + 0.01, plan=unrolled(known), epoch=epoch)]
            case c.Dispatch(attempt=attempt, step=step):
                seconds = float(step.removeprefix("list")) if step.startswith("list") else 0.5
                done = e.AttemptFinished(at_s=now_s + seconds, attempt=attempt, handoff=Handoff(), seconds=1.0)
                return [done]
            case _:
                return []

    assert play(a_run(Mode.WAIT), answer) is c.RunStatus.SUCCEEDED


def replanning_for_a_better_estimate():
    """Three steps of which the first took nine times as long as planned."""
    run = a_run(Mode.WAIT)
    run.handle(e.RunStarted(at_s=0.0))
    run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch", "solve", "fetch"))))
    assert "RequestPlan" in names(finished(run, "t.1", 10.0, seconds=9.0))
    return run


def test_the_old_plan_stays_when_one_with_better_estimates_cannot_be_made():
    run = replanning_for_a_better_estimate()
    failure = Failure(kind=FailureKind.PLANNING, message="the LLM does not answer")

    run.handle(e.PlanningFailed(at_s=10.5, epoch=2, failure=failure))
    finished(run, "t.2", 11.0)
    finished(run, "t.3", 12.0)

    assert run.status is c.RunStatus.SUCCEEDED


def test_the_end_does_not_wait_for_a_plan_with_better_estimates():
    run = replanning_for_a_better_estimate()

    finished(run, "t.2", 10.4)

    assert names(finished(run, "t.3", 10.8)) == ["EndRun"]
