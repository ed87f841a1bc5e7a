"""What would shorten a plan."""

from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.shortening import needless_waits
from planners.workflow import Step


def planned(name: str, seconds: float, inputs=(), after=()) -> PlannedStep:
    step = Step(id=name, capability="do", inputs={parent: f"$steps.{parent}" for parent in inputs}, after=tuple(after))
    placement = Placement(agent="doer", node="n", duration_s=seconds)
    return PlannedStep(step=step, placement=placement, work_key=name)


def plan(*steps: PlannedStep) -> Plan:
    return Plan(kind=PlanKind.OPTIMAL, steps=steps)


def test_a_wait_that_no_data_needs_is_named_with_what_it_costs():
    made = plan(planned("a", 3.0), planned("b", 2.0, after=["a"]), planned("c", 1.0, inputs=["b"]))

    (wait,) = needless_waits(made)

    assert wait == ("b", "a", 3.0)
    assert str(wait) == "'b' is after 'a' and reads nothing of it; side by side, the plan could end 3 s sooner"


def test_a_wait_for_data_and_one_that_costs_nothing_are_not_named():
    assert needless_waits(plan(planned("a", 3.0), planned("b", 2.0, inputs=["a"]))) == []
    beside = plan(planned("a", 3.0), planned("x", 3.0), planned("b", 2.0, inputs=["x"], after=["a"]))
    assert needless_waits(beside) == []
