"""Expressions that make values: what they read, what they make, and within which bounds."""

import json

import pytest

from planners.bindings import Computed, InputRef, StepRef, leaves, shorthand
from planners.expressions import isolation
from planners.expressions.errors import ExpressionFailed
from planners.expressions.evaluation import is_quick, value_of
from planners.expressions.reads import declared_reads, used_reads
from planners.workflow import Step

HITS = "$steps.search.hits.filter(h, h.score > $inputs.least).map(h, h.name)"


def test_what_it_reads_is_named_as_it_is_written():
    assert declared_reads(HITS) == {
        "$steps.search.hits": StepRef(step="search", path=("hits",)),
        "$inputs.least": InputRef(input="least"),
    }
    assert declared_reads("$handoffs.draft.confidence > 0.5") == {
        "$handoffs.draft.confidence": StepRef(step="draft", path=("$handoff", "confidence"))
    }


def test_an_output_of_which_a_field_may_be_missing_is_read_whole():
    assert list(declared_reads("has($steps.a.x) ? $steps.a.x : $steps.b.y")) == ["$steps.a", "$steps.b.y"]


def test_a_name_stands_for_the_field_or_for_the_whole_output():
    assert used_reads(HITS, ("$steps.search.hits", "$inputs.least"))[0].startswith("ref_0.filter(")
    assert used_reads(HITS, ("$inputs.least", "$steps.search"))[0].startswith("ref_0.hits.filter(")


def test_it_makes_any_json_value():
    outputs = {"$steps.search": {"hits": [{"name": "a", "score": 1.5}, {"name": "b", "score": 1}]}, "$inputs.least": 1}

    assert value_of(HITS, outputs) == ["a"]
    made = value_of("{'n': $inputs.xs.size(), 'first': $inputs.xs[0], 'none': null, 'x': 0.5}", {"$inputs.xs": [3]})
    assert made == {"n": 1, "first": 3, "none": None, "x": 0.5}
    assert value_of("{'a': $inputs.x}", {"$inputs.x": [1, 2]}, ("a", 1)) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("$inputs.x / 0", "divide by zero"),
        ("double($inputs.x) / 0.0", "holds inf"),
        ("bytes(string($inputs.x))", "holds a bytes"),
        ("{$inputs.x: 1}", "a key of an object is 1"),
        ("[$inputs.x].map(a, a.name)", "a field is read of a value that is no object"),
        ("{'a': [$inputs.x]}['b']", "Key not found"),
    ],
)
def test_what_has_no_value_says_why(text, told):
    with pytest.raises(ExpressionFailed, match=told):
        value_of(text, {"$inputs.x": 1})


def test_a_part_that_is_not_there_is_named():
    with pytest.raises(ExpressionFailed, match="its value has no 'b' at the top, an object"):
        value_of("{'a': $inputs.x}", {"$inputs.x": 1}, ("b",))


def test_a_value_that_shares_its_parts_is_not_copied_beyond_the_bound():
    xs = ["x" * 1_000 for _ in range(100)]
    assert is_quick("$inputs.xs.map(a, $inputs.xs)", {"$inputs.xs": xs})

    with pytest.raises(ExpressionFailed, match="more than 1000000 values and characters"):
        value_of("$inputs.xs.map(a, $inputs.xs)", {"$inputs.xs": xs}, most=1_000_000)


def test_deep_inputs_and_deep_values_are_refused():
    deep = json.loads("[" * 300 + "]" * 300)
    with pytest.raises(ExpressionFailed, match="nested more than 200 levels"):
        value_of("[$inputs.x]", {"$inputs.x": deep})

    less = json.loads("[" * 199 + "]" * 199)
    with pytest.raises(ExpressionFailed, match="its value is nested more than 200 levels"):
        value_of("[[[[$inputs.x]]]]", {"$inputs.x": less})


def test_what_may_take_long_is_made_in_a_process_of_its_own():
    many = [{"n": number} for number in range(1_000)]

    assert not is_quick("$inputs.xs.map(x, x.n)", {"$inputs.xs": many})
    assert value_of("$inputs.xs.map(x, x.n)", {"$inputs.xs": many}) == list(range(1_000))
    with pytest.raises(ExpressionFailed, match="more than 10 values"):
        isolation.made("x.map(a, a)", {"x": list(range(20))}, 10)


def test_an_input_may_be_an_expression_at_any_depth():
    step = Step.model_validate(
        {
            "id": "s",
            "capability": "c",
            "inputs": {
                "names": {"cel": HITS},
                "all": ["$inputs.a", {"cel": "$inputs.n + 1"}],
                "some": {"deep": {"cel": "$steps.x.size()"}, "text": "plain"},
                "literal": {"value": {"cel": "$inputs.x"}},
                "formula": {"cel": "no reference"},
            },
        }
    )

    assert isinstance(step.inputs["names"], Computed)
    assert step.data_parents == ("search", "x")
    assert [type(leaf).__name__ for leaf in leaves(step.inputs["all"])] == ["InputRef", "InputRef"]
    assert shorthand(step.inputs["some"]) == {"deep": {"cel": "$steps.x.size()"}, "text": "plain"}
    assert shorthand(step.inputs["literal"]) == {"cel": "$inputs.x"}
    assert shorthand(step.inputs["formula"]) == {"cel": "no reference"}
    written = step.model_dump(mode="json")["inputs"]
    assert written["names"] == {"cel": HITS}
    assert Step.model_validate(json.loads(step.model_dump_json())) == step


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("$step.x", "is not a reference"),
        ("'$' + 'x'", "reads nothing"),
        ("$output.x", "known to a check only"),
        ("$handoffs.a.status", "summary and confidence"),
    ],
)
def test_an_expression_that_an_input_cannot_have_is_refused(text, told):
    with pytest.raises(ValueError, match=told):
        Step.model_validate({"id": "s", "capability": "c", "inputs": {"x": {"cel": text}}})
