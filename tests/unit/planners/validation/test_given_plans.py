"""A plan that a task brings along (mode oracle) is checked like a workflow: what could not run is refused."""

import pytest
from tasks_to_refuse import CATALOG, CLUSTER, task
from tasks_to_refuse import step as declared

from planners.tasks import Task
from planners.validation import flaws


def planned(name, parent=None, after=(), node="n1"):
    inputs = {"x": {"step": parent}} if parent else {}
    step = {"id": name, "capability": "anything", "inputs": inputs, "after": after}
    return {"step": step, "placement": {"agent": "free", "node": node}, "work_key": name}


def given(*steps, **more) -> Task:
    plan = {"kind": "optimal", "steps": steps, **more}
    return task(declared("a"), planning={"mode": "oracle", "plan": plan})


def test_a_plan_that_can_run_is_accepted():
    assert not list(flaws(given(planned("a"), planned("b", "a")), CATALOG, CLUSTER))


@pytest.mark.parametrize(
    "plan",
    [
        given(planned("a", "b"), planned("b", "a")),
        given(planned("a", "nobody")),
        given(planned("a", after=["nobody"])),
        given(planned("a"), outputs={"x": {"step": "nobody"}}),
    ],
    ids=["a cycle", "an unknown data parent", "an unknown step to follow", "an unknown step to return"],
)
def test_a_plan_that_can_never_end_is_refused_with_field_and_fix(plan):
    found = list(flaws(plan, CATALOG, CLUSTER))

    assert found
    assert found[0].field.startswith("planning.plan")
    assert found[0].fix
