"""The verdicts of speculative attempts, compared with the optimal plan."""

from orchestrator.cli.output import pending_lines
from orchestrator.gateway.preview import preview
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.workflow import Pending, Step
from reconciler.runtime.planned_preview import PlannedPreview
from reconciler.state.outcomes import Verdict


def planned(step: str, key: str, node: str = "n1", node_class: str = "") -> PlannedStep:
    placement = Placement(agent="agent", node=node, node_class=node_class)
    return PlannedStep(step=Step(id=step, capability="c"), placement=placement, work_key=key)


def plan(kind: PlanKind, *steps: PlannedStep) -> Plan:
    return Plan(kind=kind, steps=steps)


def test_each_speculative_step_gets_a_verdict_and_the_others_are_dispatched():
    guess = plan(
        PlanKind.SPECULATIVE,
        planned("a", "1"),
        planned("b", "2"),
        planned("c", "3"),
        planned("d", "4"),
        planned("e", "5"),
    )
    optimal = plan(
        PlanKind.OPTIMAL,
        planned("a", "1"),
        planned("x", "2"),
        planned("c", "3", "n2"),
        planned("e", "5"),
        planned("f", "6"),
    )

    shown = preview(PlannedPreview(guess=guess, guess_s=0.002, plan=optimal, plan_s=1.5))

    assert shown.verdicts == {
        "a": Verdict.COMMIT,
        "b": Verdict.REPARENT,
        "c": Verdict.MIGRATE,
        "d": Verdict.FLUSH,
        "e": Verdict.COMMIT,
    }
    assert shown.dispatched == ("f",)
    assert shown.speculative_plan_ms == 2.0
    assert shown.optimal_plan_s == 1.5
    assert shown.step_f1 == 1.0


def test_an_equal_node_is_as_good():
    guess = plan(PlanKind.SPECULATIVE, planned("a", "1", "n1", "cpu"))
    optimal = plan(PlanKind.OPTIMAL, planned("a", "1", "n2", "cpu"))

    assert preview(PlannedPreview(guess=guess, guess_s=0, plan=optimal, plan_s=0)).verdicts == {"a": Verdict.COMMIT}


def test_without_a_speculative_plan_all_steps_are_dispatched():
    shown = preview(
        PlannedPreview(guess=None, guess_s=0.001, plan=plan(PlanKind.OPTIMAL, planned("a", "1")), plan_s=0.1)
    )

    assert (shown.verdicts, shown.dispatched, shown.similarity) == ({}, ("a",), None)
    assert shown.speculative_plan_ms is None


def test_what_a_plan_leaves_open_is_told_with_what_decides_it():
    open_nodes = (Pending(id="each", waits_for="n"), Pending(id="b", waits_for="n", and_for=("m",)), Pending(id="sum"))

    lines = pending_lines(Plan(kind=PlanKind.OPTIMAL, steps=(planned("n", "1"),), pending=open_nodes))

    assert lines == [
        "planned when n has ended: each",
        "planned when n and m have ended: b",
        "planned after that: sum",
    ]
