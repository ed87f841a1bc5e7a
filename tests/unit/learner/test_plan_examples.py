import pytest
from plan_examples import TOOLS, examples

from learner.learner import Learner
from learner.models.plan_examples import plan_example, tool_texts
from learner.models.plan_similarity import guess_similarity, mean_similarity
from learner.models.predictor_training import PredictorTrainingResult
from learner.predictor import PlanExample, ToolText, TrainedPlanPredictor
from learner.registry import Registry
from planners.agents import AgentSpec, Catalog
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.workflow import Step


def test_an_example_holds_capabilities_and_edges_in_plan_order():
    def planned(name, capability, after=()):
        step = Step(id=name, capability=capability, after=after)
        return PlannedStep(step=step, placement=Placement(agent="a", node="n"), work_key=name)

    plan = Plan(kind=PlanKind.OPTIMAL, steps=(planned("x", "search"), planned("y", "pay", ("x", "elsewhere"))))

    assert plan_example("goal", plan) == PlanExample("goal", ("search", "pay"), ((0, 1),))


def test_a_capability_is_described_by_its_first_agent():
    schema = {"properties": {"city": {}, "date": {}}}
    catalog = Catalog(
        agents=(
            AgentSpec(name="one", capability="search", description="finds", input_schema=schema),
            AgentSpec(name="two", capability="search", description="finds too"),
            AgentSpec(name="three", capability="pay"),
        )
    )

    assert tool_texts(catalog) == [ToolText("search", "finds", ("city", "date")), ToolText("pay", "")]


def test_no_guess_has_similarity_zero():
    nothing = TrainedPlanPredictor.cold([])

    assert guess_similarity(nothing, PlanExample("anything", ("pay",), ())) == 0.0
    assert mean_similarity(nothing, []) == 0.0


def test_a_better_predictor_is_used_and_kept_over_a_restart(tmp_path):
    learner = Learner(registry=Registry(tmp_path), tools=TOOLS)
    assert learner.predictor_number == 0
    learner.observe_plans(examples(60))
    assert learner.plans_due
    learner.adopt_plans(learner.begin_plan_training()())

    assert learner.predictor_number == 1
    restarted = Learner(registry=Registry(tmp_path), tools=TOOLS)
    assert restarted.predictor.predict("translate letter 7")[0].steps == ("translate",)


@pytest.mark.parametrize("better", [True, False])
def test_a_predictor_replaces_the_one_in_use_only_if_it_is_better(better):
    learner = Learner(tools=TOOLS)
    learner.adopt_plans(PredictorTrainingResult(TrainedPlanPredictor.cold(TOOLS), 0.6 if better else 0.4, {"": (0.5,)}))

    assert learner.predictor_number == int(better)
