"""What a change leaves undecided: what the next plan may skip or give other inputs, and nothing else."""

from declared import Declared, a_task, step

from planners.expansion import flatten
from planners.plans import PlanKind
from reconciler.state.undecided_steps import StepChange, UndecidedSteps


def plan_of(*steps):
    task = a_task(list(steps))
    return Declared(task).planned(flatten(task.plannable, {}), PlanKind.OPTIMAL)


def using(of, name="block"):
    inner = step(f"{name}-in")
    return {"id": name, "use": "other", "inputs": {"q": of}, "steps": [inner], "output": inner["id"]}


GONE = step("gone", on_failure="skip")
FAILED = StepChange(frozenset({"gone"}), around=True)


def test_a_failure_leaves_its_readers_and_the_blocks_that_need_them_undecided():
    reads = step("reads", inputs={"n": "$steps.gone"})
    plan = plan_of(GONE, reads, using("$steps.reads"), using("$steps.block", "behind"), step("beside"))

    found = UndecidedSteps(plan, [FAILED])

    assert found.steps == {"gone", "reads", "block-in", "behind-in"}
    assert not found.stale


def test_only_the_fan_outs_with_such_steps_are_undecided():
    fan_outs = [
        {"id": name, "parallel": [inner, step(f"{name}-other")], "min_successful": 1}
        for name, inner in (("touched", using("$steps.gone")), ("left", step("left-one")))
    ]

    assert UndecidedSteps(plan_of(GONE, *fan_outs), [FAILED]).fan_outs == {"touched"}


def test_what_reads_a_fan_out_that_is_complete_gets_other_inputs_and_so_do_blocks_that_need_it():
    both = {"id": "both", "parallel": [step("a"), step("b")], "min_successful": 1}
    reads, then = step("reads", inputs={"n": "$steps.both"}), step("then", inputs={"n": "$steps.reads"})

    found = UndecidedSteps(plan_of(both, reads, then, using("$steps.both")), [StepChange(frozenset("ab"), skips=False)])

    assert found.stale == {"reads", "then", "block-in"}
    assert found.fan_outs == set()


def test_an_element_that_has_failed_may_skip_other_elements_and_changes_what_is_outside():
    elements = [step("a"), using("$steps.a"), step("c")]
    both = {"id": "both", "parallel": elements, "tolerated_failures": 1}
    reads = step("reads", inputs={"n": "$steps.both"})

    found = UndecidedSteps(plan_of(both, reads), [StepChange(frozenset("a"), within="both")])

    assert found.steps == {"a", "block-in", "reads"}
    assert found.stale == {"reads"}
    assert found.fan_outs == {"both"}


def test_a_plan_does_not_say_what_reads_a_fan_out_without_steps_so_nothing_is_decided():
    both = {"id": "both", "parallel": [step("a"), step("b")], "min_successful": 1}

    found = UndecidedSteps(plan_of(both, step("c")), [StepChange(frozenset(), around=True)])

    assert found.steps == {"a", "b", "c"}
    assert found.fan_outs == {"both"}
