"""What runs reserve over time, as others see it."""

from typing import Any

from planners.agents import AgentSpec, Catalog, Provider
from planners.model import NodeId, StepId, TaskId
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.resources import Resources
from planners.workflow import Step
from reconciler.runtime.reservations import Reservations

CPU = AgentSpec(name="cpu", capability="x", resources=Resources(cpus=2))
CALL = AgentSpec(name="call", capability="x", kind="async", resources=Resources(), provider="p")
FREE = AgentSpec(name="free", capability="x", kind="async", resources=Resources())
CATALOG = Catalog(agents=(CPU, CALL, FREE), providers=(Provider(name="p", max_concurrent=3),))


def a_plan(*placed: tuple[str, str, float, float]) -> Plan:
    """Steps of (id, agent, start_s, duration_s), all on node n."""
    steps = [
        PlannedStep(
            step=Step(id=StepId(name), capability="x"),
            placement=Placement(agent=agent, node=NodeId("n"), start_s=start_s, duration_s=duration_s),
            work_key=name,
        )
        for name, agent, start_s, duration_s in placed
    ]
    return Plan(kind=PlanKind.OPTIMAL, steps=tuple(steps))


def told(table: Reservations, now_s: float, task: str | None = "other") -> list[tuple[Any, ...]]:
    found = table.of_others(None if task is None else TaskId(task), now_s)
    return [(r.node or r.provider, r.resources.cpus or r.calls, r.start_s, r.end_s) for r in found]


def test_placements_are_reserved_from_the_moment_the_plan_was_asked_for():
    table = Reservations(CATALOG)

    table.reserve(TaskId("t"), a_plan(("a", "cpu", 0, 4), ("b", "cpu", 4, 2)), asked_s=100.0)

    assert told(table, 101.0) == [("n", 2, 0.0, 3.0), ("n", 2, 3.0, 5.0)]


def test_ones_own_reservations_are_no_obstacle_and_an_operator_sees_all():
    table = Reservations(CATALOG)
    table.reserve(TaskId("t"), a_plan(("a", "cpu", 0, 4)), asked_s=0.0)

    assert told(table, 0.0, task="t") == []
    assert len(told(table, 0.0, task=None)) == 1


def test_calls_of_a_provider_are_reserved_and_what_needs_nothing_is_not():
    table = Reservations(CATALOG)

    table.reserve(TaskId("t"), a_plan(("a", "call", 1, 4), ("b", "free", 0, 9)), asked_s=0.0)

    assert told(table, 0.0) == [("p", 1, 1.0, 5.0)]


def test_a_step_that_has_ended_and_a_run_that_is_over_hold_nothing():
    table = Reservations(CATALOG)
    table.reserve(TaskId("t"), a_plan(("a", "cpu", 0, 4), ("b", "cpu", 4, 2), ("c", "cpu", 6, 2)), 0.0, done={"a"})
    assert len(told(table, 0.0)) == 2

    table.finish(TaskId("t"), StepId("b"))
    table.finish(TaskId("t"), StepId("b"))
    table.finish(TaskId("nobody"), StepId("b"))
    assert told(table, 0.0) == [("n", 2, 6.0, 8.0)]

    table.release(TaskId("t"))
    table.release(TaskId("t"))
    assert (told(table, 0.0), len(table)) == ([], 0)


def test_a_new_plan_replaces_what_the_task_had_reserved():
    table = Reservations(CATALOG)
    table.reserve(TaskId("t"), a_plan(("a", "cpu", 0, 4), ("b", "cpu", 4, 2)), asked_s=0.0)

    table.reserve(TaskId("t"), a_plan(("z", "cpu", 1, 1)), asked_s=10.0)

    assert told(table, 10.0) == [("n", 2, 1.0, 2.0)]
    assert len(table) == 1


def test_a_step_that_is_late_is_believed_to_end_soon():
    table = Reservations(CATALOG)
    table.reserve(TaskId("t"), a_plan(("a", "cpu", 0, 4)), asked_s=0.0)

    assert told(table, 60.0) == [("n", 2, 0.0, 0.4)]


def test_the_table_and_what_is_told_of_it_are_bounded():
    table = Reservations(CATALOG, most_steps=5, most_listed=3)
    for number in range(4):
        table.reserve(TaskId(f"t{number}"), a_plan(("a", "cpu", 9 - number, 1), ("b", "cpu", 20, 1)), asked_s=0.0)

    assert len(table) == 5
    assert [start_s for _, _, start_s, _ in told(table, 0.0)] == [7.0, 8.0, 9.0]

    table.release(TaskId("t0"))
    table.reserve(TaskId("t9"), a_plan(("a", "cpu", 0, 1)), asked_s=0.0)
    assert len(table) == 4
