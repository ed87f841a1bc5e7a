import pytest

from learner.learning import Learner
from learner.plans import (
    LearnedPlans,
    PlanHistory,
    TrainedPredictor,
    guess_similarity,
    mean_similarity,
    plan_example,
    tool_texts,
    train_predictor,
)
from learner.predictor import PlanExample, PlanPredictor, ToolText
from learner.registry import Registry
from planners.agents import AgentSpec, Catalog
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.workflow import Step

TOOLS = [ToolText(name, f"{name} something") for name in ("book", "pay", "search", "translate")]


def examples(count):
    shapes = [("search", "book", "pay"), ("translate",), ("search", "translate")]
    texts = ["find and book a room in town {}", "translate letter {}", "look up page {} and translate it"]
    for number in range(count):
        steps = shapes[number % 3]
        yield PlanExample(texts[number % 3].format(number), steps, tuple((n, n + 1) for n in range(len(steps) - 1)))


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


def test_a_predictor_is_due_after_twenty_plans_and_then_after_a_tenth_more():
    history = PlanHistory(size=500)
    history.add(examples(19))
    assert not history.due()
    history.add(examples(1))
    assert history.due()

    history.add(examples(400))
    history.begin_training()
    history.add(examples(30))
    assert not history.due()
    assert history.due(drifting=True)
    history.add(examples(30))
    assert history.due()


def test_after_a_change_twenty_plans_of_the_new_world_make_a_predictor_due():
    history = PlanHistory(size=500)
    history.add(examples(400))
    history.begin_training()
    history.changed(back=5)
    history.add(examples(15))
    history.changed()
    assert history.recent == 20
    assert not history.due()

    history.add(examples(5))
    assert history.due()
    history.settled()
    assert history.recent is None
    assert not history.due()


def test_plans_of_a_new_world_alone_make_the_predictor_where_they_are_better():
    """What used to mean booking now means paying twice."""
    old = list(examples(90))
    new = [PlanExample(example.request, ("pay", "pay"), ()) for example in examples(40)]
    champion = PlanPredictor.fit(old, TOOLS)
    trained = train_predictor([*old, *new], TOOLS, champion, recent=40)

    assert trained.better
    assert not trained.settled
    assert trained.similarity > 0.9 > trained.champion_similarity


def test_a_false_alarm_ends_when_what_was_known_before_is_better():
    old = list(examples(90))
    champion = PlanPredictor.fit(old, TOOLS)
    odd = [PlanExample(f"{n} odd {n}", (("pay", "search")[n % 2],), ()) for n in range(12)]
    trained = train_predictor([*old, *odd, *examples(12)], TOOLS, champion, recent=24)

    assert trained.settled


def test_a_trained_predictor_beats_a_cold_one_on_plans_neither_has_seen():
    trained = train_predictor(list(examples(60)), TOOLS, PlanPredictor.cold(TOOLS))

    assert trained.similarity > 0.9
    assert trained.similarity > trained.champion_similarity
    assert trained.better


def test_the_speculative_planner_gets_its_guesses_in_its_own_words():
    predictor = PlanPredictor.fit(list(examples(60)), TOOLS)
    guess = LearnedPlans(predictor).predict("translate letter 99", 2)[0]

    assert guess.steps == ("translate",)
    assert 0 <= guess.probability <= 1


def test_no_guess_is_no_similarity():
    nothing = PlanPredictor.cold([])

    assert guess_similarity(nothing, PlanExample("anything", ("pay",), ())) == 0.0
    assert mean_similarity(nothing, []) == 0.0


def test_a_learner_puts_a_better_predictor_to_use_and_keeps_it_over_a_restart(tmp_path):
    learner = Learner(registry=Registry(tmp_path), tools=TOOLS)
    assert learner.predictor_number == 0
    learner.observe_plans(examples(60))
    assert learner.plans_due
    learner.adopt_plans(learner.begin_plan_training()())

    assert learner.predictor_number == 1
    restarted = Learner(registry=Registry(tmp_path), tools=TOOLS)
    assert restarted.predictor.predict("translate letter 7")[0].steps == ("translate",)


@pytest.mark.parametrize("better", [True, False])
def test_a_worse_predictor_replaces_nothing(better):
    learner = Learner(tools=TOOLS)
    learner.adopt_plans(TrainedPredictor(PlanPredictor.cold(TOOLS), 0.6 if better else 0.4, 0.5))

    assert learner.predictor_number == int(better)
