"""What would shorten a plan."""

from planners.agents import AgentSpec, Catalog, Price
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.shortening import hints, needless_waits
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


def catalog(**more):
    return Catalog(agents=(AgentSpec(name="doer", capability="do", effect="pure", **more),))


def test_small_steps_of_one_agent_in_a_row_could_be_one_call():
    made = plan(planned("a", 0.01), planned("b", 0.01, inputs=["a"]))

    assert hints(made, catalog()) == ("'a' and 'b' are calls of 'doer' in a row; one call could do both",)
    assert "saves the 0.2 dollars of the second" in hints(made, catalog(price=Price(usd_per_call=0.2)))[0]
    assert hints(plan(planned("a", 0.5), planned("b", 0.5, inputs=["a"])), catalog()) == ()


def test_many_small_steps_could_be_handed_over_together():
    made = plan(*(planned(f"s{n}", 0.005) for n in range(8)))

    (hint,) = hints(made, catalog())

    assert hint.startswith("8 steps of 'doer' take 5 ms each")
    assert hints(plan(*(planned(f"s{n}", 0.005) for n in range(3))), catalog()) == ()


def test_long_work_of_a_pure_agent_could_be_cached():
    made = plan(planned("a", 2.0))

    assert hints(made, catalog()) == (
        "'doer' is pure and declares no version; with one, its results answer the same work of later tasks",
    )
    assert hints(made, catalog(version="2")) == ()
