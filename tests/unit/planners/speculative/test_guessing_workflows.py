"""Guesses of declared workflows: the usual agents, lists, and what fits the time budget."""

import pytest
from goals import ANSWER, CLUSTER, GOAL, Clock, goal_task, request, steps
from operations import operations
from planner_pipelines import guesser

from planners.agents import AgentSpec, Catalog, Price
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.expansion import flatten
from planners.optimal.decompose import StubDecomposer
from planners.optimal.planner import OptimalPlannerPipeline
from planners.plans import PlanKind
from planners.resources import Resources
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.speculative import PlanCache, SpeculativeSettings
from planners.speculative.guessed_workflow import GuessedWorkflow
from planners.tasks import Limits, Objective, Task
from planners.workflow import FlatWorkflow, Goal, Workflow


def declared(**more):
    return Task(workflow=Workflow(steps=tuple(steps())), **more)


def test_a_declared_workflow_is_certain_but_for_the_choice_of_agents():
    guess = guesser().guess(request(declared()))

    assert [planned.probability for planned in guess.steps] == [1.0, 1.0, pytest.approx(PriorCosts().survival(None))]


def test_a_choice_shared_by_many_ancestors_counts_once():
    branches = [
        {"id": f"t{i}", "capability": "translate", "inputs": {"text": f"text {i}", "to": "French"}} for i in range(8)
    ]
    join = {"id": "join", "capability": "merge", "inputs": {"texts": [f"$steps.t{i}.text" for i in range(8)]}}
    guess = guesser().guess(request(Task(workflow=Workflow(steps=(*branches, join)))))

    assert guess.by_id["join"].probability == pytest.approx(0.7)


def _took(task, agent):
    flat = steps()
    pinned = tuple(
        step.model_copy(update={"agent": agent}) if step.capability == "translate" else step for step in flat
    )
    plan = list_schedule(_flat(pinned), request(task), PriorCosts())
    return plan.model_copy(update={"kind": PlanKind.OPTIMAL})


def _flat(listed):
    return FlatWorkflow(steps=tuple(listed))


def test_the_agent_that_the_optimal_planner_usually_chooses_is_guessed():
    cache = PlanCache()
    for _ in range(4):
        cache.remember(declared(), _took(declared(), "translator-large"))

    guess = guesser(cache).guess(request(declared()))
    other_aim = guesser(cache).guess(request(declared(objective=Objective(usd_weight=9.0))))

    assert guess.steps[2].placement.agent == "translator-large"
    assert guess.steps[2].step.agent is None
    assert guess.steps[2].probability > 0.8
    assert other_aim.steps[2].placement.agent == "translator-small"


def test_mode_plan_cache_guesses_a_declared_workflow_only_after_it_was_planned_once():
    cache, cached = PlanCache(), declared(planning={"mode": "plan_cache"})
    assert guesser(cache).guess(request(cached)) is None

    cache.remember(declared(), _took(declared(), "translator-small"))

    assert guesser(cache).guess(request(cached)) is not None


def test_the_declared_part_of_a_mixed_workflow_is_guessed_while_its_goal_is_unknown():
    mixed = Workflow(steps=(*steps(), Goal(id="more", goal="and more", inputs={"text": "$steps.translate.text"})))

    guess = guesser().guess(request(Task(workflow=mixed)))

    assert [planned.id for planned in guess.steps] == ["fetch", "caption", "translate"]
    assert [node.id for node in guess.pending] == ["more"]


def test_of_a_workflow_too_large_for_the_budget_the_first_steps_are_guessed():
    clock = Clock(tick_s=0.001)
    listed = [{"id": f"t{i}", "capability": "caption", "inputs": {"image": f"{i}"}} for i in range(100)]
    large = Task(workflow=Workflow(steps=tuple(listed)))

    def slow(flat, wanted, costs):
        clock.now_s += 0.001 * len(flat.steps)
        return list_schedule(flat, wanted, costs)

    planner = guesser(clock=clock, list_scheduler=slow, settings=SpeculativeSettings(budget_s=0.05))
    first, second = planner.guess(request(large)), planner.guess(request(large))

    assert len(first.steps) == 100
    assert 32 <= len(second.steps) < 100
    assert not second.complete


def _numbered(number, **more):
    return {"id": f"s{number}", "capability": "caption", "inputs": {"image": f"{number}"}, **more}


def test_of_a_large_workflow_only_the_first_nodes_are_unrolled():
    workflow = Workflow.model_validate({"steps": [_numbered(i) for i in range(5_000)]})

    guess = GuessedWorkflow.from_declared(workflow, request(Task(workflow=workflow)), 32)

    assert [step.id for step in guess.flat.steps] == [f"s{i}" for i in range(33)]
    assert not guess.complete


def test_nodes_declared_before_their_parents_are_left_out_of_the_first_ones():
    steps = [_numbered(0), _numbered(1, after=["s99"]), *(_numbered(i) for i in range(2, 100))]
    workflow = Workflow.model_validate({"steps": steps})

    guess = GuessedWorkflow.from_declared(workflow, request(Task(workflow=workflow)), 2)

    assert [step.id for step in guess.flat.steps] == ["s0", "s2", "s3"]


def test_a_guess_never_raises_even_where_nothing_can_be_placed():
    nowhere = CLUSTER.model_copy(update={"nodes": ()})
    asked = request(declared()).model_copy(update={"cluster": nowhere})

    assert guesser().guess(asked) is None


def test_fallbacks_and_prefixes_are_not_cached():
    cache = PlanCache()
    plan = _took(declared(), "translator-large")
    cache.remember(declared(), plan.model_copy(update={"origin": "fallback:retrieval"}))
    cache.remember(goal_task(GOAL), plan.model_copy(update={"complete": False}))

    assert len(cache) == 0
    assert not cache.knows_workflow(declared())


def picky(**dear):
    """A quick agent that needs what few nodes have, a slow one that runs anywhere."""
    return Catalog(
        agents=(
            AgentSpec(name="quick", capability="work", expected_s=0.1, resources=Resources(cpus=1, gpus=1), **dear),
            AgentSpec(name="slow", capability="work", expected_s=1.0),
        )
    )


WITH_GPU = ClusterSnapshot(nodes=(ClusterNode(id="g", node_class="g", total=Resources(cpus=2, gpus=1)), *CLUSTER.nodes))
WORK = Workflow.model_validate({"steps": [{"id": "a", "capability": "work"}]})


@pytest.mark.parametrize(
    ("cluster", "catalog", "limits"),
    [(CLUSTER, picky(), Limits()), (WITH_GPU, picky(price=Price(usd_per_call=5)), Limits(budget_usd=1))],
)
def test_where_the_usual_agent_is_impossible_another_is_guessed(cluster, catalog, limits):
    """Its node is lost, or this task lacks the budget."""
    asked = request(Task(workflow=WORK), catalog=picky()).model_copy(update={"cluster": WITH_GPU})
    cache = PlanCache()
    before = list_schedule(flatten(WORK, {}), asked, PriorCosts())
    cache.remember(asked.task, before.model_copy(update={"kind": PlanKind.OPTIMAL}))
    assert [step.placement.agent for step in guesser(cache).guess(asked).steps] == ["quick"]

    now = request(Task(workflow=WORK, limits=limits), catalog=catalog).model_copy(update={"cluster": cluster})

    assert [step.placement.agent for step in guesser(cache).guess(now).steps] == ["slow"]


async def test_of_a_workflow_seen_with_a_longer_list_the_elements_that_are_there_are_guessed():
    each = {"id": "each", "for_each": "$inputs.urls", "steps": [{**ANSWER[0], "id": "one", "inputs": {"url": "$item"}}]}
    goal = {"id": "sum", "goal": "join them", "inputs": {"pictures": "$steps.each"}}

    def task(*urls):
        return Task.model_validate({"workflow": {"steps": [each, goal]}, "inputs": {"urls": list(urls)}})

    written = steps([{"id": "m", "capability": "merge", "inputs": {"texts": "$inputs.pictures"}}], later=["pictures"])
    planner = OptimalPlannerPipeline(PriorCosts, StubDecomposer({"join them": written}))
    cache = PlanCache()
    longer = task("a", "b", "c")
    cache.remember(longer, [plan async for plan in planner.plan(request(longer))][-1])
    assert len(guesser(cache).guess(request(longer)).steps) == 4

    guess = guesser(cache).guess(request(task("a", "b")))

    assert [step.id for step in guess.steps] == ["one[0]", "one[1]"]
    assert not guess.complete


def _over(urls):
    each = {"id": "each", "for_each": "$inputs.urls", "steps": [{**ANSWER[0], "id": "one", "inputs": {"url": "$item"}}]}
    return request(Task.model_validate({"workflow": {"steps": [each]}, "inputs": {"urls": ["a"] * urls}}))


def _declared(steps):
    return request(Task(workflow=Workflow.model_validate({"steps": [_numbered(i) for i in range(steps)]})))


@pytest.mark.parametrize("asked", [_over, _declared])
def test_of_a_very_large_task_the_first_steps_are_guessed_at_little_cost(asked):
    """Whatever its size, admission does not wait."""
    large, larger = asked(1_000), asked(20_000)

    guess = guesser().guess(larger)

    assert len(guess.steps) == 100
    assert not guess.complete
    assert operations(lambda: guesser().guess(larger)) < 4 * operations(lambda: guesser().guess(large))


def test_what_is_remembered_of_a_very_large_plan_costs_little():
    task, large = declared(), _took(declared(), "translator-large")
    larger = large.model_copy(update={"steps": large.steps * 10_000})
    large = large.model_copy(update={"steps": large.steps * 1_000})

    assert operations(lambda: PlanCache().remember(task, larger)) < 2 * operations(
        lambda: PlanCache().remember(task, large)
    )
