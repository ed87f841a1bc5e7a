"""A guess that lacks an ``after`` of the plan: order counts for every step that is not pure."""

from runs import SOON, verdicts
from worlds import a_run, planned

from planners.bindings import Value
from planners.model import StepId
from planners.plans import PlanKind
from planners.workflow import Step
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.handoff import Handoff
from reconciler.state.outcomes import Verdict

FIRST = Step(id=StepId("first"), capability="write", inputs={"k": Value(value=1)})


def judged(capability):
    """A run that guessed ``second`` without its ``after``, and the commands of the plan that has both steps."""
    second = Step(id=StepId("second"), capability=capability, inputs={"k": Value(value=1)}, after=(FIRST.id,))
    too_early = second.model_copy(update={"after": ()})
    agent = f"{capability}-small"
    run = a_run()
    run.handle(e.RunStarted(at_s=0.0))
    guess = planned([too_early], [agent], ["n1"], PlanKind.SPECULATIVE)
    run.handle(e.SpeculativePlanReady(at_s=0.01, plan=guess, conditions=SOON))
    run.handle(e.AttemptFinished(at_s=0.5, attempt="t.1", handoff=Handoff(output="too early"), seconds=0.4))
    truth = planned([FIRST, second], ["write-small", agent], ["n1", "n1"], PlanKind.OPTIMAL)
    return run, run.handle(e.OptimalPlanReady(at_s=1.0, plan=truth))


def test_an_idempotent_guess_that_ran_too_early_is_flushed_and_its_step_runs_in_order():
    run, commands = judged("solve")
    assert [command.step for command in commands if isinstance(command, c.Dispatch)] == ["first"]
    assert verdicts(run)["t.1"] is Verdict.FLUSH

    after = run.handle(e.AttemptFinished(at_s=2.0, attempt="t.2", handoff=Handoff(output=1), seconds=1.0))

    assert [command.step for command in after if isinstance(command, c.Dispatch)] == ["second"]


def test_a_pure_guess_is_committed_in_whatever_order_it_ran():
    run, _ = judged("fetch")

    assert verdicts(run)["t.1"] is Verdict.COMMIT
