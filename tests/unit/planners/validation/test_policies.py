"""Policies that cannot be kept are refused with the field and the fix."""

import pytest
from pydantic import ValidationError
from tasks_to_refuse import CATALOG, loop, refused, step, task

from planners.policies import CompletionPolicy
from planners.validation import check, explain, parse


def flaws_of(node):
    with pytest.raises(ValidationError) as caught:
        parse({"workflow": {"steps": [node]}})
    return explain(caught.value)


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"max_concurrency": 0}, "max_concurrency"),
        ({"max_concurrency": True}, "max_concurrency"),
        ({"min_successful": -1}, "min_successful"),
        ({"tolerated_failures": "120%"}, "tolerated_failures"),
        ({"tolerated_failures": "some"}, "tolerated_failures"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"stragglers": {"factor": 0.5}}, "stragglers.factor"),
        ({"stragglers": {"once": 2}}, "stragglers.factor"),
        ({"stragglers": {"factor": 2}, "min_successful": 1}, ""),
        ({"on_failure": "explode"}, "on_failure"),
        ({"on_failure": "default"}, ""),
    ],
)
def test_a_policy_that_means_nothing_is_refused(policy, field):
    flaw = flaws_of(loop("each", [1], step("a"), **policy))[0]

    assert flaw.field.startswith(f"workflow.steps.0.{field}".removesuffix("."))
    assert flaw.fix


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"timeout_s": -1}, "timeout_s"),
        ({"retry": {"max_attempts": 0}}, "retry.max_attempts"),
        ({"retry": {"on": ["bad_luck"]}}, "retry.on.0"),
        ({"retry": {"jitter": 2}}, "retry.jitter"),
    ],
)
def test_a_policy_of_a_step_that_means_nothing_is_refused(policy, field):
    assert flaws_of(step("a", **policy))[0].field == f"workflow.steps.0.{field}"


def test_more_results_than_elements_are_refused():
    error = refused(task(loop("each", [1, 2], step("a"), min_successful=3)))

    assert error.field == "workflow.steps.each.min_successful"
    assert error.fix == "ask for 2 at most"


def test_a_goal_is_no_element():
    given = task({"id": "side", "parallel": [step("a"), {"id": "g", "goal": "do it"}]})

    assert refused(given).field == "workflow.steps.side.parallel.g"


def test_elements_of_parallel_are_read_by_their_index():
    sides = {"id": "side", "parallel": [step("a", "open", inputs={"path": "x"}), step("b")]}
    check(task(sides, step("c", inputs={"x": "$steps.side.0.points"})), CATALOG)

    assert "no '2'" in refused(task(sides, step("c", inputs={"x": "$steps.side.2"}))).message


@pytest.mark.parametrize(
    ("policy", "total", "least", "most"),
    [
        ({}, 5, None, 0),
        ({"min_successful": 3}, 5, 3, 2),
        ({"min_successful": "50%"}, 5, 3, 2),
        ({"tolerated_failures": "50%"}, 5, None, 2),
        ({"tolerated_failures": 4, "min_successful": 3}, 5, 3, 2),
        ({"tolerated_failures": 1, "min_successful": 3}, 5, 3, 1),
        ({"min_successful": "100%"}, 3, 3, 0),
    ],
)
def test_amounts_are_counts_or_shares(policy, total, least, most):
    declared = CompletionPolicy(**policy)

    assert (declared.least_successful(total), declared.most_failed(total)) == (least, most)


@pytest.mark.parametrize(
    ("node", "field", "fix"),
    [
        ({"id": "g", "goal": "do it", "on_failure": "skip"}, "on_failure", "put the goal into `try` or a route"),
        (step("a", on_failure="route"), "on_failure", "into `try`"),
        (step("a", on_failure="compensate"), "on_failure", "declare `compensate`"),
        (
            {"id": "t", "try": [step("a")], "fallback": [step("b")], "on_failure": "skip"},
            "on_failure",
            "of the fallback",
        ),
        ({"id": "t", "try": [step("a")]}, "fallback", "add it"),
        ({"id": "t", "try": [step("a")], "fallback": []}, "fallback.steps", "at least 1"),
        ({"id": "r", "route": [{"when": "true", "steps": [step("a")]}], "on_failure": "default"}, "", "add one"),
    ],
)
def test_a_failure_that_nobody_could_meet_is_refused(node, field, fix):
    flaw = flaws_of(node)[0]

    assert flaw.field.startswith(f"workflow.steps.0.{field}".removesuffix("."))
    assert fix in flaw.fix


def test_a_fallback_reads_nothing_of_the_steps_that_have_failed():
    tried = {"id": "t", "try": [step("a")], "fallback": [step("b", inputs={"x": "$steps.a"})]}

    error = refused(task(tried))

    assert error.field == "workflow.steps.t.fallback.steps.b.inputs.x"
    assert error.message == "'a' is in another branch of 't'"


def test_an_output_that_is_not_inside_is_named_with_its_field():
    tried = {"id": "t", "try": [step("a")], "output": "b", "fallback": [step("b")]}

    assert refused(task(tried)).field == "workflow.steps.t.output"
