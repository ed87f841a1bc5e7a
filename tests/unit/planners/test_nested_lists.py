"""Items of a ``for_each`` are independent: a list that one of them still has to make holds none of the others up."""

from planners.expansion import flatten
from planners.workflow import Pending, Workflow

DOCS = {"docs": ["a", "b", "c", "d"]}
NESTED = Workflow.model_validate(
    {
        "steps": [
            {
                "id": "docs",
                "for_each": "$inputs.docs",
                "steps": [
                    {"id": "items", "capability": "extract", "inputs": {"doc": "$item"}},
                    {
                        "id": "each",
                        "for_each": "$steps.items",
                        "steps": [{"id": "check", "capability": "check", "inputs": {"item": "$item"}}],
                    },
                ],
            }
        ]
    }
)


def names(known):
    return {step.id for step in flatten(NESTED, DOCS, known).steps}


def test_every_item_starts_before_any_of_their_lists_is_known():
    flat = flatten(NESTED, DOCS)

    assert {step.id for step in flat.steps} == {f"items[{n}]" for n in range(4)}
    assert {Pending(id=f"each[{n}]", waits_for=f"items[{n}]") for n in range(4)} <= set(flat.pending)


def test_a_later_item_goes_on_while_earlier_ones_wait():
    assert {"check[2][0]", "check[2][1]"} <= names({"items[2]": [1, 2]})


def test_one_plan_unrolls_all_the_lists_that_are_known():
    known = {f"items[{n}]": [n] for n in range(4)}

    assert {f"check[{n}][0]" for n in range(4)} <= names(known)
