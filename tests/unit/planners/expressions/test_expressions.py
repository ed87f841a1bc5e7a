"""Expressions: references become variables, types are checked, and no evaluation takes longer than it may."""

import pytest
from pydantic import ValidationError

from planners.bindings import InputRef, ItemRef, StepRef
from planners.expressions import isolation
from planners.expressions.errors import ExpressionFailed
from planners.expressions.evaluation import evaluate, type_flaw
from planners.expressions.references import parsed
from planners.expressions.value_types import ValueKind
from planners.policies import CompletionPolicy


def test_references_are_found_outside_of_texts_and_comments_only():
    expression = parsed("""'$steps.x' == $steps.a-b.c && $inputs.n > 1 || r"$item" == $item // $state""")

    assert expression.roots == (StepRef(step="a-b"), InputRef(input="n"), ItemRef())
    assert expression.cel == """'$steps.x' == ref_0.c && ref_1 > 1 || r"$item" == ref_2 // $state"""


def test_methods_and_indexes_after_a_reference_are_cel():
    expression = parsed("$steps.a.hits.size() > 1 && $steps.a.hits[0].ok")

    assert [reference.fields for reference in expression.references] == [("hits",), ("hits",)]
    assert evaluate(expression, [{"hits": [{"ok": True}, {}]}]) is True


def test_steps_can_be_renamed():
    def upper(root):
        return StepRef(step=root.step.upper())

    assert parsed("has($steps.a.x) && 'a' != $steps.b").renamed(upper) == "has($steps.A.x) && 'a' != $steps.B"


@pytest.mark.parametrize("text", ["$", "$steps", "$other.x == 1", "1 == $inputs"])
def test_a_dollar_that_begins_no_reference_is_refused(text):
    with pytest.raises(ValueError, match="is not a reference"):
        parsed(text)


def test_types_are_checked_where_they_are_known():
    expression = parsed("$steps.a.label > 3")
    (reference,) = expression.references

    assert type_flaw(expression, {}) is None
    assert "'_>_' applied to '(string, int)'" in str(type_flaw(expression, {reference: ValueKind.TEXT}))


def test_messages_name_the_references_as_they_were_written():
    with pytest.raises(ExpressionFailed, match="Key not found"):
        evaluate(parsed("$steps.a.label == 1"), [{}])
    with pytest.raises(ExpressionFailed, match=r"out of range for '\$inputs\.n'"):
        evaluate(parsed("$inputs.n == 1"), [10**30])


def test_what_may_take_long_is_evaluated_in_a_process_of_its_own(monkeypatch):
    asked = []
    monkeypatch.setattr(isolation, "evaluated", lambda text, values: asked.append(text))

    evaluate(parsed("$inputs.xs.all(x, x > 0)"), [list(range(10))])
    assert not asked
    evaluate(parsed("$inputs.xs.map(x, $inputs.xs.map(y, x + y)).size() > 0"), [list(range(9_000))])
    assert asked


def test_the_process_answers_and_reports_failures():
    assert isolation.evaluated("ref_0.filter(x, x > 1)", {"ref_0": [1, 2, 3]}) == [2, 3]
    with pytest.raises(ExpressionFailed, match="divide by zero"):
        isolation.evaluated("1 / ref_0 == 1", {"ref_0": 0})


def test_an_evaluation_that_takes_too_long_is_killed():
    with pytest.raises(ExpressionFailed, match=r"more than 0\.01 s"):
        isolation.evaluated("x.map(a, x.map(b, b)).size() > 3", {"x": list(range(3_000))}, seconds=0.01)


def test_inputs_that_are_too_large_are_refused_before_anything_is_evaluated():
    with pytest.raises(ExpressionFailed, match="10000000 values and characters"):
        evaluate(parsed("$inputs.x == ''"), ["x" * 11_000_000])


def test_a_condition_on_results_names_what_it_may_read():
    with pytest.raises(ValidationError, match=r"'\$result.size' is not a reference; write \$results or \$confidences"):
        CompletionPolicy.model_validate({"complete_when": "$result.size() > 1"})
