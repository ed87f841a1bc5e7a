"""Goals guessed from what was remembered and predicted: where right, by the optimal planner's work keys."""

import pytest
from goals import ANSWER, CATALOG, Clock, goal_task, request, steps
from planner_pipelines import guesser

from planners.agents import Catalog
from planners.costs import PriorCosts
from planners.optimal.decompose import StubDecomposer
from planners.optimal.planner import OptimalPlannerPipeline
from planners.plans import PlanKind
from planners.speculative import GuessedPlan, PlanCache, SpeculativeSettings
from planners.speculative import planner as pipeline
from planners.tasks import Mode

OTHER = "Caption the picture at https://b.example/dog.jpg and say it in 'Dutch'"
FREE = "Caption the picture at https://b.example/dog.jpg and say it"


def answered(goal):
    """What the LLM would write for a goal of the familiar shape."""
    url, to = goal.split(" at ")[1].split(" ")[0], goal.split("'")[1]
    fetch, caption, translate = ANSWER
    return steps(
        [{**fetch, "inputs": {"url": url}}, caption, {**translate, "inputs": {**translate["inputs"], "to": to}}]
    )


async def optimal(task, written=None):
    planner = OptimalPlannerPipeline(PriorCosts, StubDecomposer({task.goal: written or answered(task.goal)}))
    return [plan async for plan in planner.plan(request(task))][-1]


async def taught(*tasks, written=None):
    memory = PlanCache()
    for task in tasks:
        memory.remember(task, await optimal(task, written))
    return memory


def keys(plan):
    return {planned.work_key for planned in plan.steps}


async def test_a_goal_seen_with_other_values_is_guessed_to_the_last_work_key():
    guess = guesser(await taught(goal_task())).guess(request(goal_task(OTHER)))
    truth = await optimal(goal_task(OTHER))

    assert keys(guess) == keys(truth)
    assert [step.id for step in guess.steps] == [step.id for step in truth.steps]
    assert guess.origin.startswith("plan-cache")
    assert guess.kind is PlanKind.SPECULATIVE
    assert all(0.5 < planned.probability <= 0.9 for planned in guess.steps)


async def test_experience_moves_the_trust_in_a_shape():
    often = guesser(await taught(*[goal_task()] * 5)).guess(request(goal_task(OTHER)))
    changed = await taught(goal_task())
    for _ in range(5):
        changed.remember(goal_task(), await optimal(goal_task(), steps(ANSWER[:1])))
        changed.remember(goal_task(), await optimal(goal_task(), steps(ANSWER[:2])))
    seldom = guesser(changed).guess(request(goal_task(OTHER)))

    assert often.steps[0].probability > 0.95
    assert seldom.steps[1].probability < 0.6 < seldom.steps[0].probability


async def test_mode_plan_cache_knows_only_goals_of_the_same_shape():
    planner = guesser(await taught(goal_task()))

    assert planner.guess(request(goal_task(OTHER, mode=Mode.PLAN_CACHE))) is not None
    assert planner.guess(request(goal_task(FREE, mode=Mode.PLAN_CACHE))) is None
    assert planner.guess(request(goal_task(FREE))) is not None


async def test_the_likest_goal_is_believed_less_than_the_same_one():
    planner = guesser(await taught(goal_task()))
    alike = goal_task("Please caption the picture at https://c.example/z.png and then say it in 'Welsh'")

    guess = planner.guess(request(alike))

    assert guess.origin.startswith("retrieval")
    assert guess.by_id["fetch"].step.inputs["url"].value == "https://c.example/z.png"
    assert guess.by_id["translate"].step.inputs["to"].value == "Welsh"
    assert max(planned.probability for planned in guess.steps) < 0.9


async def test_a_step_that_needs_a_value_the_goal_does_not_have_is_left_out():
    guess = guesser(await taught(goal_task())).guess(request(goal_task(FREE)))

    assert [planned.id for planned in guess.steps] == ["fetch", "caption"]


async def test_a_goal_like_no_other_is_not_guessed_at():
    assert guesser(await taught(goal_task())).guess(request(goal_task("Fold proteins quickly"))) is None
    assert guesser().guess(request()) is None


async def test_a_literal_that_is_a_task_input_follows_the_input():
    task = goal_task("Fetch cat.png for me now", {"name": "cat.png"})
    memory = await taught(task, written=steps([{**ANSWER[0], "inputs": {"url": "cat.png"}}]))

    guess = guesser(memory).guess(request(goal_task("Fetch dog.png for me now", {"name": "dog.png"})))

    assert guess.steps[0].step.inputs["url"].input == "name"


async def test_steps_whose_agents_are_gone_are_left_out_with_all_behind_them():
    catalog = Catalog(agents=tuple(agent for agent in CATALOG.agents if agent.capability != "caption"))

    guess = guesser(await taught(goal_task())).guess(request(goal_task(OTHER), catalog=catalog))

    assert [planned.id for planned in guess.steps] == ["fetch"]
    assert not guess.complete


async def test_a_memory_stored_and_restored_guesses_the_same():
    memory = await taught(goal_task(), goal_task(OTHER))
    restored = PlanCache.restored(memory.snapshot().model_dump_json())
    asked = request(goal_task("Caption the picture at https://c.example/1.gif and say it in 'Thai'"))

    assert guesser(restored, clock=Clock()).guess(asked) == guesser(memory, clock=Clock()).guess(asked)
    assert restored.snapshot() == memory.snapshot()


async def test_the_memory_is_bounded_and_forgets_the_oldest():
    memory, plan = PlanCache(size=2), await optimal(goal_task())
    for wish in ("Paint a wall in red", "Mow the green lawn", "Bake a cake of apples"):
        memory.remember(goal_task(wish), plan)

    assert len(memory) == 2
    assert memory.exact(goal_task("Paint a wall in red")) is None
    assert memory.exact(goal_task("Bake a cake of apples")) is not None


class Predictor:
    def __init__(self, *guesses):
        self.guesses = guesses

    def predict(self, request_text, k):
        return list(self.guesses[:k])


CHAIN = GuessedPlan(
    steps=("fetch", "caption", "translate"),
    edges=((0, 1), (1, 2)),
    step_probability=(0.9, 0.8, 0.7),
    edge_probability=(0.9, 0.9),
    probability=0.4,
)


async def test_a_predicted_plan_is_bound_by_habit_to_the_optimal_planners_work_keys():
    """Another wish taught where inputs come from; the words of this one are new, its steps the predictor's."""
    memory = await taught(goal_task())
    new = goal_task("Whatever shows at https://d.example/p.png, I need 'Czech' words for that")

    guess = guesser(memory, Predictor(CHAIN)).guess(request(new))
    fetch, caption, translate = ANSWER
    truth = await optimal(
        new,
        steps(
            [
                {**fetch, "inputs": {"url": "https://d.example/p.png"}},
                caption,
                {**translate, "inputs": {**translate["inputs"], "to": "Czech"}},
            ]
        ),
    )

    assert keys(guess) == keys(truth)
    assert guess.origin.startswith("predictor")
    assert [planned.probability for planned in guess.steps] == sorted(
        (planned.probability for planned in guess.steps), reverse=True
    )


def test_cold_a_predicted_plan_is_bound_by_what_the_schemas_say_fits():
    guess = guesser(predictor=Predictor(CHAIN)).guess(request(goal_task("Do it", {"url": "u", "to": "French"})))

    bound = {planned.id: planned.step.inputs for planned in guess.steps}
    assert bound["fetch"]["url"].input == "url"
    assert (bound["caption"]["image"].step, bound["caption"]["image"].path) == ("fetch", ("image",))
    assert (bound["translate"]["text"].step, bound["translate"]["text"].path) == ("caption", ("caption",))
    assert bound["translate"]["to"].input == "to"
    assert list(guess.outputs) == ["translate"]
    assert guess.complete


def test_the_survival_of_a_steps_work_is_the_predictors_word_where_it_gives_one():
    told = CHAIN.model_copy(update={"work_probability": (0.85, 0.8, 0.2)})
    asked = request(goal_task("Do it", {"url": "u", "to": "French"}))

    product, said = (guesser(predictor=Predictor(guess)).guess(asked) for guess in (CHAIN, told))

    of = {planned.id: planned.probability for planned in product.steps}
    ratios = [planned.probability / of[planned.id] for planned in said.steps]
    assert ratios == pytest.approx([0.85 / 0.9, 0.8 / (0.9 * 0.8), 0.2 / (0.9 * 0.8 * 0.7)])


def test_a_step_that_cannot_be_bound_is_left_out_with_all_behind_it():
    guess = guesser(predictor=Predictor(CHAIN)).guess(request(goal_task("Do it", {"size": 3})))

    assert guess is None


def test_a_predicted_capability_that_is_not_offered_is_left_out():
    guessed = GuessedPlan(steps=("fetch", "read_minds"), probability=0.5)
    guess = guesser(predictor=Predictor(guessed)).guess(request(goal_task("Do it", {"url": "u"})))

    assert [planned.id for planned in guess.steps] == ["fetch"]
    assert not guess.complete


def test_a_predictor_that_breaks_costs_the_guess_and_nothing_else():
    class Broken:
        def predict(self, request_text, k):
            raise RuntimeError("corrupt model")

    assert guesser(predictor=Broken()).guess(request()) is None


def test_past_half_of_its_budget_no_predictor_is_asked():
    class Slow:
        def predict(self, request_text, k):
            pytest.fail("asked too late")

    late = guesser(predictor=Slow(), clock=Clock(tick_s=1.0), settings=SpeculativeSettings(budget_s=0.5))
    assert late.guess(request()) is None


def test_what_agents_take_and_give_is_read_once_a_catalog(monkeypatch):
    asked = []
    monkeypatch.setattr(pipeline, "interfaces", lambda catalog: asked.append(catalog) or {})

    class Predictor:
        def predict(self, _text, _k):
            return []

    planner = guesser(predictor=Predictor(), clock=Clock())
    other = CATALOG.without(["mailer"])
    for catalog in (CATALOG, CATALOG, other, other):
        planner.guess(request(catalog=catalog))

    assert [catalog is other for catalog in asked] == [False, True]
