"""Conditions on the results of fan-outs: when they are evaluated, what they decide, and what becomes of the rest."""

import pytest
from declared import CATALOG, Declared, a_task, step

from planners.definitions import NamedWorkflow
from planners.expressions.quorums import next_evaluation
from planners.linking import linked
from planners.workflow import Step
from reconciler.simulation import Restart
from reconciler.state import events as e
from reconciler.state.commands import RunStatus
from reconciler.state.fan_out_ends import CompletionReason
from reconciler.state.handoff import Failure, FailureKind, Handoff
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def fan(count, condition, **policy):
    each = {"id": "each", "for_each": list(range(count)), "steps": [step("work", inputs={"n": "$item"})]}
    return [{**each, "complete_when": condition, **policy}, step("join", "say", inputs={"all": "$steps.each"})]


def scored(*bad, **scores):
    """Work on a number returns it and its score, or fails for good; the join returns the numbers that it gets."""

    def output(_capability, inputs, _number):
        if "all" in inputs:
            return [one["n"] for one in inputs["all"]]
        number = inputs["n"]
        if number in bad:
            return Failure(kind=FailureKind.BAD_INPUT, message=f"{number} is bad")
        score = scores.get(f"n{number}", 0.5)
        return Handoff(output={"n": number, "score": score}, confidence=score)

    return output


def lasting(**seconds):
    def of(_capability, inputs, _number):
        return seconds.get(f"n{inputs.get('n')}", 0.5)

    return of


def played(steps, output=None, seconds=None, mode="wait", **more):
    task = a_task(steps, mode=mode)
    return Declared(task, output=output or scored(), seconds=seconds or lasting(), plan_s=0.1, **more).play()


def completion(world, name="each"):
    return world.run.facts.completions[name]


TWO_GOOD = "$results.filter(r, r.score > 0.8).size() >= 2"
TIMES = {"n0": 1.0, "n1": 2.0, "n2": 3.0, "n3": 4.0, "n4": 9.0, "n5": 9.5}


@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_a_fan_out_is_complete_when_its_condition_holds_of_the_results_so_far(mode):
    world = played(fan(6, TWO_GOOD), scored(n1=0.9, n3=0.95, n5=1.0), lasting(**TIMES), mode)

    assert world.outputs == {"join": [0, 1, 2, 3]}
    assert world.evaluations == [1, 2, 3, 4]
    found = completion(world)
    assert (found.reason, found.succeeded, found.results) == (CompletionReason.CONDITION_REACHED, True, 4)
    assert found.missing == {4: "it was cancelled", 5: "it was cancelled"}
    assert world.run.steps["work[5]"].status is StepStatus.SKIPPED
    assert world.run.at_s < 6


def test_the_results_go_on_in_the_order_of_the_elements_and_are_evaluated_in_the_order_of_their_ends():
    times = {"n0": 4.0, "n1": 3.0, "n2": 2.0, "n3": 1.0}

    world = played(fan(4, "$results.size() == 2 && $results[0].n == 3 && $results[1].n == 2"), seconds=lasting(**times))

    assert world.outputs == {"join": [2, 3]}


def test_confidences_are_those_of_the_handoffs():
    condition = "$confidences.exists(c, c >= 0.9)"

    assert played(fan(6, condition), scored(n1=0.9), lasting(**TIMES)).outputs == {"join": [0, 1]}


def test_what_ends_while_the_condition_is_evaluated_is_left_out():
    times = {"n0": 1.0, "n1": 1.5, "n2": 2.0, "n3": 30.0}

    world = played(fan(4, "$results.size() >= 1"), seconds=lasting(**times), evaluation_s=3.0)

    assert world.outputs == {"join": [0]}
    assert completion(world).missing == {1: "it ended later", 2: "it ended later", 3: "it was cancelled"}


def test_a_failure_counts_once_the_results_before_it_are_evaluated():
    times = {"n0": 1.0, "n1": 1.5, "n2": 30.0}

    early = played(fan(3, "$results.size() >= 1"), scored(1), lasting(**times), evaluation_s=3.0)
    assert early.outputs == {"join": [0]}

    late = played(fan(3, "$results.size() >= 2"), scored(1), lasting(**times), evaluation_s=3.0)
    assert late.run.status is RunStatus.FAILED
    assert completion(late).reason is CompletionReason.FAILURE_TOLERANCE_EXCEEDED


def test_without_the_condition_it_ends_as_any_fan_out():
    never = played(fan(3, "$results.size() > 3"))
    assert never.outputs == {"join": [0, 1, 2]}
    assert completion(never).reason is CompletionReason.ALL_COMPLETED

    times = {"n2": 60.0}
    out_of_time = played(fan(3, "$results.size() > 3", timeout_s=2.0), seconds=lasting(**times))
    assert out_of_time.outputs == {"join": [0, 1]}
    assert completion(out_of_time).reason is CompletionReason.TIMED_OUT

    counted = played(fan(6, "$results.size() > 4", min_successful=2), seconds=lasting(**TIMES))
    assert completion(counted).reason is CompletionReason.MIN_SUCCESSFUL_REACHED


def test_a_condition_without_a_value_fails_the_fan_out_and_says_why():
    world = played(fan(3, "$results.exists(r, r.grade > 3)"), seconds=lasting(**TIMES))

    assert world.run.status is RunStatus.FAILED
    failure = world.run.end.failure
    assert failure.message.startswith("complete_when of 'each' has no value after 1 of 3 results: Key not found")
    assert "has()" in failure.fix
    assert not world.run.attempts.live

    skipped = played(fan(3, "$results.exists(r, r.grade > 3)", on_failure="skip"), seconds=lasting(**TIMES))
    assert skipped.run.status is RunStatus.SUCCEEDED


def test_nodes_side_by_side_are_elements_too():
    nodes = [step("a", inputs={"n": 0}), step("b", inputs={"n": 1}), step("c", inputs={"n": 2})]
    some = {"id": "each", "parallel": nodes, "complete_when": "$results.exists(r, r.n == 1)"}

    world = played([some, step("join", "say", inputs={"all": "$steps.each"})], seconds=lasting(**TIMES))

    assert world.outputs == {"join": [0, 1]}


def test_an_element_with_a_fan_out_inside_gives_the_results_that_go_on():
    inner = {"id": "inner", "for_each": [0, 1, 2], "steps": [step("work", inputs={"n": "$item"})], "min_successful": 2}
    outer = {"id": "each", "for_each": [1, 2], "steps": [inner], "output": "inner"}
    condition = "$results.exists(r, r.size() == 2)"

    world = played([{**outer, "complete_when": condition}], seconds=lasting(n2=50.0))

    assert world.run.status is RunStatus.SUCCEEDED
    assert completion(world).reason is CompletionReason.CONDITION_REACHED
    assert len(world.outputs["each"]) == 1
    assert [len(one) for one in world.outputs["each"]] == [2]


@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_a_node_that_joins_others_may_have_a_condition(mode):
    nodes = [step(name, inputs={"n": n}) for n, name in enumerate("abc")]
    join = {"steps": ["a", "b", "c"], "complete_when": "$results.exists(r, r.n == 1)"}
    last = step("last", "say", inputs={"all": ["$steps.b", "$steps.a"], "c": "$steps.c"}, join=join)

    world = played([*nodes, last], seconds=lasting(**TIMES), mode=mode)

    assert world.outputs == {"last": [1, 0]}
    assert world.run.steps["c"].status is StepStatus.SKIPPED


def at_least(condition="$results.filter(r, r.score > $inputs.least).size() >= $inputs.enough"):
    return fan(6, condition)[0]


GOOD = scored(n1=0.9, n3=0.95, n5=1.0)


def test_a_condition_reads_inputs_of_the_task():
    task = a_task([at_least()], {"least": 0.8, "enough": 2}, mode="wait")

    world = Declared(task, output=GOOD, seconds=lasting(**TIMES), plan_s=0.1).play()

    assert [one["n"] for one in world.outputs["each"]] == [0, 1, 2, 3]
    assert completion(world).reason is CompletionReason.CONDITION_REACHED


def used(least):
    inside = at_least("$results.filter(r, r.score > $inputs.least).size() >= 2")
    task = a_task([{"id": "rank", "use": "ranked", "inputs": {"least": least}}], mode="wait")
    ranked = NamedWorkflow.model_validate({"name": "ranked", "inputs": {"least": "number"}, "steps": [inside]})
    return linked(task, CATALOG.model_copy(update={"workflows": (ranked,)}))


def test_a_condition_in_a_used_workflow_reads_what_that_is_given():
    world = Declared(used(0.8), output=GOOD, seconds=lasting(**TIMES), plan_s=0.1).play()

    assert [one["n"] for one in world.outputs["rank"]] == [0, 1, 2, 3]


@pytest.mark.parametrize("after_s", [0.2, 6.0])
def test_a_condition_is_evaluated_once_the_step_has_finished_whose_output_it_reads(after_s):
    """The elements do not wait for it, and whenever it comes, the same results go on."""
    task = used("$steps.learn.score")
    learn = Step.model_validate(step("learn", inputs={"n": 7}))
    workflow = task.workflow.model_copy(update={"steps": (learn, *task.workflow.steps)})
    task = task.model_copy(update={"workflow": workflow})
    times = lasting(n7=after_s, **TIMES)

    world = Declared(task, output=scored(n1=0.9, n3=0.95, n5=1.0, n7=0.8), seconds=times, plan_s=0.1).play()

    assert [one["n"] for one in world.outputs["rank"]] == [0, 1, 2, 3]
    assert world.run.attempts[world.run.steps["rank/work[3]"].attempt].started_s < 0.5


def test_a_join_may_have_a_condition_that_reads_inputs():
    nodes = [step(name, inputs={"n": n}) for n, name in enumerate("abc")]
    join = {"steps": ["a", "b", "c"], "complete_when": "$results.size() >= $inputs.enough"}
    last = step("last", "say", inputs={"all": ["$steps.b", "$steps.a"], "c": "$steps.c"}, join=join)
    task = a_task([*nodes, last], {"enough": 2}, mode="wait")

    world = Declared(task, output=scored(), seconds=lasting(**TIMES), plan_s=0.1).play()

    assert world.outputs == {"last": [1, 0]}


@pytest.mark.parametrize("after", range(3, 16))
def test_a_restart_changes_nothing(after):
    world = played(
        fan(6, TWO_GOOD), scored(n1=0.9, n3=0.95, n5=1.0), lasting(**TIMES), restarts=(Restart(after=after),)
    )

    assert world.outputs["join"][-1] == 3 or world.run.facts.completions["each"].results == 4
    assert completion(world).reason is CompletionReason.CONDITION_REACHED


def test_a_result_that_is_lost_counts_again_once_it_is_made_again():
    lost = (2.02, e.OutputsLost(at_s=0, attempts=("t.1",), reason="gone"))

    world = played(
        fan(4, "$results.size() == 2"),
        seconds=lasting(n0=1.0, n1=1.9, n2=8.0, n3=9.0),
        faults=(lost,),
        evaluation_s=0.2,
    )

    assert world.outputs == {"join": [0, 1]}
    assert completion(world).reason is CompletionReason.CONDITION_REACHED


@pytest.mark.parametrize("evaluation_s", [0.05, 0.6, 0.8, 5.0])
@pytest.mark.parametrize("after", [None, *range(3, 12)])
def test_an_answer_counts_that_comes_while_the_plan_does_not_hold_the_fan_out(after, evaluation_s):
    """What the fan-out joins is pending for one plan: the literal that stands in for `gone` tells nothing of `slow`."""
    gone = step("gone", inputs={"n": 0}, on_failure="default", default=7)
    fallback = {"steps": [step("instead", inputs={"n": 3})]}
    tried = {"id": "tried", "try": [step("slow", inputs={"n": 1}), gone], "output": "gone", "fallback": fallback}
    empty = {"id": "empty", "for_each": [], "steps": [step("never", inputs={"n": "$item"})]}
    each = {"id": "each", "for_each": [1, 2, 3], "steps": [empty], "complete_when": "$results.size() == 2"}
    each["join"] = {"steps": ["tried"], "tolerated_failures": 1}

    world = played(
        [tried, each],
        scored(0),
        lasting(n0=0.5, n1=1.0),
        evaluation_s=evaluation_s,
        restarts=() if after is None else (Restart(after=after),),
    )

    assert world.outputs == {"each": [[], []]}


def test_evaluations_of_many_results_become_rare():
    points, at = [], 0
    while at < 10_000:
        at = next_evaluation(at)
        points.append(at)

    assert points[:100] == list(range(1, 101))
    assert len(points) < 250
    assert sum(points) < 25 * 10_000


def test_many_elements_take_linear_time():
    count = 600
    world = Declared(
        a_task(fan(count, f"$results.size() >= {count - 5}")[:1], mode="wait"),
        output=scored(),
        plan_s=0.1,
        most_events=50_000,
    )
    RunState.validates = False
    world.play()

    assert completion(world).reason in (CompletionReason.CONDITION_REACHED, CompletionReason.ALL_COMPLETED)
    assert len(world.evaluations) < 150


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("$results.size() >", "Syntax error"),
        ("$results > 3", "found no matching overload"),
        ("$results.size()", "its value is int, not bool"),
        ("$steps.a > 3", r"reads \$results, \$confidences and \$inputs\.NAME alone, not \$steps\.a"),
        ("$inputs.n > 0", r"must read \$results or \$confidences"),
        ("1 > 0", r"must read \$results or \$confidences"),
    ],
)
def test_a_wrong_condition_is_refused(condition, told):
    with pytest.raises(ValueError, match=told):
        a_task(fan(2, condition))
