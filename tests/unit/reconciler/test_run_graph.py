"""Both plans as one graph: each step once, and how the plans differ in it."""

from runs import chain, guess, plan

from planners.bindings import StepRef, Value
from planners.model import StepId
from planners.workflow import Pending, Skipped, Step
from reconciler.views.graph import RunGraph, StepRelation, run_graph


def relations(graph: RunGraph) -> dict[str, StepRelation]:
    return {step.id: step.relation for step in graph.steps}


def parents(graph: RunGraph) -> dict[str, list[str]]:
    return {step.id: [graph.steps[place].id for place in step.parents] for step in graph.steps}


def test_equal_plans_have_the_same_steps():
    steps = chain("fetch", "solve")

    graph = run_graph("t", guess(steps), plan(steps))

    assert relations(graph) == {"a": StepRelation.SAME, "b": StepRelation.SAME}
    assert parents(graph) == {"a": [], "b": ["a"]}
    assert graph.steps[0].probability == 0.9


def test_the_same_work_under_another_id_has_moved():
    steps = chain("fetch", "solve")
    renamed = [steps[0].model_copy(update={"id": StepId("z")})]

    graph = run_graph("t", guess(renamed), plan(steps))

    assert relations(graph) == {"a": StepRelation.MOVED, "b": StepRelation.PLANNED}
    assert graph.steps[0].guessed_as == "z"


def test_other_work_under_the_same_id_has_changed():
    graph = run_graph("t", guess(chain("fetch"), agent="large"), plan(chain("fetch")))

    assert relations(graph) == {"a": StepRelation.CHANGED}
    assert (graph.steps[0].agent, graph.steps[0].guessed_agent) == ("fetch-small", "fetch-large")


def test_nodes_that_are_pending_or_skipped_are_part_of_the_graph():
    pending, skipped = Pending(id=StepId("rest"), waits_for=StepId("a")), Skipped(id=StepId("other"), reason="no way")
    whole = plan(chain("fetch")).model_copy(update={"pending": (pending,), "skipped": (skipped,)})

    graph = run_graph("t", None, whole)

    assert (graph.pending, graph.skipped) == ((pending,), (skipped,))


def test_steps_that_only_the_guess_has_come_last_and_hang_on_the_steps_of_the_plan():
    wrong = Step(id=StepId("wrong"), capability="write", inputs={"one": StepRef(step=StepId("a"))})
    behind = Step(id=StepId("behind"), capability="write", inputs={"one": StepRef(step=StepId("wrong"))})

    graph = run_graph("t", guess([*chain("fetch"), wrong, behind]), plan(chain("fetch", "solve")))

    assert relations(graph) == {
        "a": StepRelation.SAME,
        "b": StepRelation.PLANNED,
        "wrong": StepRelation.GUESSED,
        "behind": StepRelation.GUESSED,
    }
    assert parents(graph)["wrong"] == ["a"]
    assert parents(graph)["behind"] == ["wrong"]


def test_equal_work_twice_is_matched_one_to_one():
    twins = [Step(id=StepId(name), capability="fetch", inputs={"k": Value(value=1)}) for name in "ab"]
    others = [step.model_copy(update={"id": StepId(f"g{step.id}")}) for step in twins]

    graph = run_graph("t", guess(others), plan(twins))

    assert [step.guessed_as for step in graph.steps] == ["ga", "gb"]
    assert set(relations(graph).values()) == {StepRelation.MOVED}


def test_either_plan_may_be_missing():
    steps = chain("fetch")

    assert run_graph("t", None, None).steps == ()
    assert relations(run_graph("t", guess(steps), None)) == {"a": StepRelation.GUESSED}
    planned = run_graph("t", None, plan(steps, pending=(Pending(id=StepId("later")),)))
    assert relations(planned) == {"a": StepRelation.PLANNED}
    assert planned.pending[0].id == "later"
    assert planned.optimal is not None
    assert planned.optimal.steps == 1
