"""Unrolling with what is known at run time."""

import pytest

from planners.errors import InvalidTask
from planners.expansion import flatten
from planners.workflow import Workflow

OVER_HITS = Workflow.model_validate(
    {
        "steps": [
            {"id": "search", "capability": "a"},
            {"id": "each", "for_each": "$steps.search.hits", "steps": [{"id": "one", "capability": "a"}]},
        ]
    }
)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ({"results": []}, "$steps.search.hits, which has no 'hits' at the top, an object"),
        ("nothing", "$steps.search.hits, which has no 'hits' at the top, a string"),
        ({"hits": 3}, "for_each of 'each' needs a list, and $steps.search.hits is a number"),
    ],
)
def test_a_step_that_gave_no_list_where_one_was_to_be_is_told_with_the_field(output, said):
    with pytest.raises(InvalidTask) as refused:
        flatten(OVER_HITS, {}, {"search": output})

    assert said in refused.value.message
    assert refused.value.field == "workflow.steps.each.for_each"


def test_an_empty_list_gives_no_copies():
    assert [step.id for step in flatten(OVER_HITS, {}, {"search": {"hits": []}}).steps] == ["search"]


def test_of_a_long_list_only_as_many_steps_are_unrolled_as_are_asked_for():
    over = Workflow.model_validate(
        {
            "steps": [
                {"id": "each", "for_each": "$inputs.all", "steps": [{"id": "one", "capability": "a"}]},
                {"id": "join", "capability": "b", "inputs": {"x": "$steps.each"}},
            ]
        }
    )

    flat = flatten(over, {"all": list(range(90_000))}, most=3)

    assert [step.id for step in flat.steps] == ["one[0]", "one[1]", "one[2]"]
    assert flat.outputs == {}
