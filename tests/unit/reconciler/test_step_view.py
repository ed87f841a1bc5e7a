"""One step of a run: its inputs with the values that are known, placements, attempts, the gate's decision."""

from runs import chain, finished, plan, speculating

from planners.bindings import Gather, InputRef, StepRef, Value
from planners.model import StepId
from planners.workflow import Step
from reconciler.gate import Refusal
from reconciler.runtime.step_output import held_output
from reconciler.state import events as e
from reconciler.views.models import Timeline
from reconciler.views.projections import plans_view, timeline
from reconciler.views.step_view import StepView, step_view


def viewed(run, step: str) -> StepView:
    found = step_view(StepId(step), plans_view(run), timeline(run), run.task.values)
    assert found is not None
    return found


def test_a_step_has_its_placements_attempts_and_the_appraisal_of_its_guess():
    run, _ = speculating(chain("fetch", "solve"))
    finished(run, "t.1", 0.5)
    run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch", "solve"))))

    view = viewed(run, "a")

    assert view.speculative is not None
    assert view.optimal is not None
    assert [(bar.attempt, bar.verdict) for bar in view.attempts] == [("t.1", "commit")]
    assert view.attempts[0].appraisal is not None
    assert view.probability == 0.9
    assert view.waiting is None


def test_inputs_of_the_task_and_literals_are_values_and_outputs_are_references():
    inputs = {
        "literal": Value(value=1),
        "given": InputRef(input="seed"),
        "read": StepRef(step=StepId("a"), path=("n",)),
        "all": Gather(gather=(StepRef(step=StepId("a")),)),
        "large": Value(value="x" * 50_000),
    }
    steps = [*chain("fetch"), Step(id=StepId("s"), capability="solve", inputs=inputs)]
    run, _ = speculating(steps)

    shown = {one.name: one for one in viewed(run, "s").inputs}

    assert (shown["literal"].known, shown["literal"].value) == (True, 1)
    assert (shown["given"].known, shown["given"].value, shown["given"].binding) == (True, 7, "$inputs.seed")
    assert (shown["read"].known, shown["read"].binding) == (False, "$steps.a.n")
    assert shown["all"].binding == ["$steps.a"]
    assert shown["large"].value == "(50002 bytes)"


def test_an_output_that_the_run_holds_is_the_value_of_a_reference():
    """Whoever approves a step is to see what it shows."""
    inputs = {"text": StepRef(step=StepId("a")), "part": StepRef(step=StepId("a"), path=("n",))}
    steps = [*chain("fetch"), Step(id=StepId("sign"), capability="solve", inputs=inputs)]
    run, _ = speculating(steps)
    run.handle(e.OptimalPlanReady(at_s=0.2, plan=plan(steps)))

    def shown():
        found = step_view(StepId("sign"), plans_view(run), timeline(run), {}, lambda step: held_output(run, step))
        return {one.name: (one.known, one.value) for one in found.inputs}

    assert shown() == {"text": (False, None), "part": (False, None)}
    finished(run, "t.1", 0.5, output={"n": 3})
    assert shown() == {"text": (True, {"n": 3}), "part": (True, 3)}


def test_a_refusal_of_the_gate_is_known_also_after_the_plan_has_arrived():
    run, _ = speculating(chain("write"))
    before = viewed(run, "a").decision

    run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("write"))))

    after = viewed(run, "a").decision
    assert before is not None
    assert before.refusal is Refusal.EFFECT
    assert after == before


def test_a_step_that_waits_says_why_and_one_that_is_not_there_is_unknown():
    run, _ = speculating(chain("fetch", "solve"))
    run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch", "solve"))))

    waiting = viewed(run, "b").waiting
    assert waiting is not None
    assert waiting.parents == ("a",)
    assert step_view(StepId("nobody"), plans_view(run), Timeline(task=run.id, bars=()), {}) is None
