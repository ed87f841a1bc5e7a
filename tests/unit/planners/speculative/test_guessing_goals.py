"""Goals guessed from cached and predicted plans: a right guess has the optimal planner's work keys."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from goals import ANSWER, CATALOG, Clock, goal_task, request, steps
from planner_pipelines import guesser

from planners.agents import Catalog
from planners.bindings import Value
from planners.costs import PriorCosts
from planners.optimal.decompose import StubDecomposer
from planners.optimal.planner import OptimalPlannerPipeline
from planners.plans import PlanKind
from planners.speculative import GuessedPlan, PlanCache, SpeculativePlannerPipeline, SpeculativeSettings
from planners.speculative import planner as pipeline
from planners.tasks import Mode
from planners.workflow import Step

OTHER = "Caption the picture at https://b.example/dog.jpg and say it in 'Dutch'"
FREE = "Caption the picture at https://b.example/dog.jpg and say it"


def answered(goal):
    """The LLM's answer to a goal of the known template."""
    url, to = goal.split(" at ")[1].split(" ")[0], goal.split("'")[1]
    fetch, caption, translate = ANSWER
    return steps(
        [{**fetch, "inputs": {"url": url}}, caption, {**translate, "inputs": {**translate["inputs"], "to": to}}]
    )


async def optimal(task, written=None):
    planner = OptimalPlannerPipeline(PriorCosts, StubDecomposer({task.goal: written or answered(task.goal)}))
    return [plan async for plan in planner.plan(request(task))][-1]


async def taught(*tasks, written=None):
    cache = PlanCache()
    for task in tasks:
        cache.remember(task, await optimal(task, written))
    return cache


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


async def test_experience_changes_the_trust_in_a_step():
    often = guesser(await taught(*[goal_task()] * 5)).guess(request(goal_task(OTHER)))
    changed = await taught(goal_task())
    for _ in range(5):
        changed.remember(goal_task(), await optimal(goal_task(), steps(ANSWER[:1])))
        changed.remember(goal_task(), await optimal(goal_task(), steps(ANSWER[:2])))
    seldom = guesser(changed).guess(request(goal_task(OTHER)))

    assert often.steps[0].probability > 0.95
    assert seldom.steps[1].probability < 0.6 < seldom.steps[0].probability


async def test_a_goal_that_got_different_plans_is_guessed_to_get_the_commonest_and_not_the_last():
    cache = await taught(*[goal_task()] * 3)
    cache.remember(goal_task(), await optimal(goal_task(), steps(ANSWER[:1])))

    guess = guesser(cache).guess(request(goal_task(OTHER)))

    assert len(guess.steps) == len(ANSWER)


async def test_a_plan_that_comes_often_enough_displaces_the_one_that_came_before():
    cache = await taught(*[goal_task()] * 3)
    for _ in range(3):
        cache.remember(goal_task(), await optimal(goal_task(), steps(ANSWER[:1])))

    assert len(guesser(cache).guess(request(goal_task(OTHER))).steps) == 1


async def test_mode_plan_cache_guesses_only_goals_that_match_a_template():
    planner = guesser(await taught(goal_task()))

    assert planner.guess(request(goal_task(OTHER, mode=Mode.PLAN_CACHE))) is not None
    assert planner.guess(request(goal_task(FREE, mode=Mode.PLAN_CACHE))) is None
    assert planner.guess(request(goal_task(FREE))) is not None


async def test_a_similar_goal_gives_lower_probabilities_than_a_matching_one():
    cache = await taught(goal_task())
    alike = goal_task("Please caption the picture at https://c.example/z.png and then say it in 'Welsh'")
    similarity = cache.nearest(alike).similarity

    guess = guesser(cache).guess(request(alike))

    assert cache.nearest(alike, least=similarity) is not None
    assert cache.nearest(alike, least=similarity + 0.01) is None

    assert guess.origin.startswith("retrieval")
    assert guess.by_id["fetch"].step.inputs["url"].value == "https://c.example/z.png"
    assert guess.by_id["translate"].step.inputs["to"].value == "Welsh"
    assert max(planned.probability for planned in guess.steps) < 0.9


async def test_a_step_that_needs_a_value_the_goal_does_not_have_is_left_out():
    guess = guesser(await taught(goal_task())).guess(request(goal_task(FREE)))

    assert [planned.id for planned in guess.steps] == ["fetch", "caption"]


async def test_a_goal_similar_to_no_other_gets_no_guess():
    assert guesser(await taught(goal_task())).guess(request(goal_task("Fold proteins quickly"))) is None
    assert guesser().guess(request()) is None


async def test_a_literal_that_is_a_task_input_follows_the_input():
    task = goal_task("Fetch cat.png for me now", {"name": "cat.png"})
    cache = await taught(task, written=steps([{**ANSWER[0], "inputs": {"url": "cat.png"}}]))

    guess = guesser(cache).guess(request(goal_task("Fetch dog.png for me now", {"name": "dog.png"})))

    assert guess.steps[0].step.inputs["url"].input == "name"


async def test_steps_whose_agents_are_gone_are_left_out_with_their_descendants():
    catalog = Catalog(agents=tuple(agent for agent in CATALOG.agents if agent.capability != "caption"))

    guess = guesser(await taught(goal_task())).guess(request(goal_task(OTHER), catalog=catalog))

    assert [planned.id for planned in guess.steps] == ["fetch"]
    assert not guess.complete


async def test_the_cache_is_bounded_and_drops_the_oldest_plan():
    cache, plan = PlanCache(size=2), await optimal(goal_task())
    for goal in ("Paint a wall in red", "Mow the green lawn", "Bake a cake of apples"):
        cache.remember(goal_task(goal), plan)

    assert len(cache) == 2
    assert cache.exact(goal_task("Paint a wall in red")) is None
    assert cache.exact(goal_task("Bake a cake of apples")) is not None


async def test_of_goals_and_plans_out_of_all_proportion_only_the_choices_are_counted():
    plan, cache = await optimal(goal_task()), PlanCache()
    long_goal = goal_task("Caption " + "x" * 10_001)
    huge = plan.model_copy(update={"steps": plan.steps * 400})
    wordy = Step(id="a", capability="fetch", inputs={"url": Value(value="u" * 200_001)})
    heavy = plan.model_copy(update={"steps": (plan.steps[0].model_copy(update={"step": wordy}),)})
    for task, made in ((long_goal, plan), (goal_task(), huge), (goal_task(), heavy)):
        cache.remember(task, made)

    assert len(cache) == 0
    assert cache.exact(long_goal) is None
    assert cache.nearest(long_goal) is None
    assert cache.agent_shares(goal_task())(plan.steps[0].step)[0][0] == plan.steps[0].placement.agent


async def test_one_thread_may_guess_while_another_remembers():
    """A small cache drops a plan with each one it takes in, while threads look for one."""
    plan, cache = await optimal(goal_task()), PlanCache(size=3)
    goals = [goal_task(f"Caption the {color} picture at https://b.example/dog.jpg") for color in "abcdefgh"]

    def remember():
        for _ in range(20):
            for goal in goals:
                cache.remember(goal, plan)

    def look():
        return [hit for _ in range(20) for goal in goals for hit in (cache.exact(goal), cache.nearest(goal)) if hit]

    with ThreadPoolExecutor(3) as threads:
        remembered, *found = [threads.submit(work) for work in (remember, look, look)]
        remembered.result()
        hits = [hit for each in found for hit in each.result()]

    assert len(cache) == 3
    assert all(len(hit.steps) <= len(plan.steps) for hit in hits)


class Predictor:
    def __init__(self, *guesses):
        self.guesses = guesses

    def predict(self, request_text, k, kind=""):
        return list(self.guesses[:k])


CHAIN = GuessedPlan(
    steps=("fetch", "caption", "translate"),
    edges=((0, 1), (1, 2)),
    step_probability=(0.9, 0.8, 0.7),
    edge_probability=(0.9, 0.9),
    probability=0.4,
)


async def test_a_predicted_plan_is_bound_as_past_plans_were():
    """Another goal taught where inputs come from; the words of this one are new, and its steps are predicted."""
    cache = await taught(goal_task())
    new = goal_task("Whatever shows at https://d.example/p.png, I need 'Czech' words for that")

    guess = guesser(cache, Predictor(CHAIN)).guess(request(new))
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


def test_without_past_plans_a_predicted_plan_is_bound_by_the_schemas():
    guess = guesser(predictor=Predictor(CHAIN)).guess(request(goal_task("Do it", {"url": "u", "to": "French"})))

    bound = {planned.id: planned.step.inputs for planned in guess.steps}
    assert bound["fetch"]["url"].input == "url"
    assert (bound["caption"]["image"].step, bound["caption"]["image"].path) == ("fetch", ("image",))
    assert (bound["translate"]["text"].step, bound["translate"]["text"].path) == ("caption", ("caption",))
    assert bound["translate"]["to"].input == "to"
    assert list(guess.outputs) == ["translate"]
    assert guess.complete


def test_the_predictors_work_probability_replaces_the_product_of_step_probabilities():
    told = CHAIN.model_copy(update={"work_probability": (0.85, 0.8, 0.2)})
    asked = request(goal_task("Do it", {"url": "u", "to": "French"}))

    product, said = (guesser(predictor=Predictor(guess)).guess(asked) for guess in (CHAIN, told))

    of = {planned.id: planned.probability for planned in product.steps}
    ratios = [planned.probability / of[planned.id] for planned in said.steps]
    assert ratios == pytest.approx([0.85 / 0.9, 0.8 / (0.9 * 0.8), 0.2 / (0.9 * 0.8 * 0.7)])


def test_a_step_that_cannot_be_bound_is_left_out_with_its_descendants():
    guess = guesser(predictor=Predictor(CHAIN)).guess(request(goal_task("Do it", {"size": 3})))

    assert guess is None


def test_a_predicted_capability_that_is_not_offered_is_left_out():
    guessed = GuessedPlan(steps=("fetch", "read_minds"), probability=0.5)
    guess = guesser(predictor=Predictor(guessed)).guess(request(goal_task("Do it", {"url": "u"})))

    assert [planned.id for planned in guess.steps] == ["fetch"]
    assert not guess.complete


def test_a_predictor_that_raises_means_no_guess():
    class Broken:
        def predict(self, request_text, k, kind=""):
            raise RuntimeError("corrupt model")

    assert guesser(predictor=Broken()).guess(request()) is None


def test_past_half_of_the_budget_the_predictor_is_not_asked():
    class Slow:
        def predict(self, request_text, k, kind=""):
            pytest.fail("asked too late")

    late = guesser(predictor=Slow(), clock=Clock(tick_s=1.0), settings=SpeculativeSettings(budget_s=0.5))
    assert late.guess(request()) is None


def test_a_thread_that_waits_for_the_interpreter_has_not_spent_its_budget(monkeypatch):
    """Three goals at once each took 8 ms for 4 ms of work, so only the first guess of each was considered."""
    busy = SimpleNamespace(perf_counter=Clock(tick_s=1.0), monotonic=Clock(tick_s=1.0), thread_time=Clock())
    monkeypatch.setattr(pipeline, "time", busy)

    class Predictor:
        def predict(self, _text, _k, _kind=""):
            return [GuessedPlan(steps=("fetch",)), GuessedPlan(steps=("fetch", "caption"), edges=((0, 1),))]

    guess = SpeculativePlannerPipeline(PriorCosts, predictor=Predictor()).guess(request())

    assert len(guess.steps) == 2


def test_interfaces_are_computed_once_per_catalog(monkeypatch):
    asked = []
    monkeypatch.setattr(pipeline, "interfaces", lambda catalog: asked.append(catalog) or {})

    class Predictor:
        def predict(self, _text, _k, _kind=""):
            return []

    planner = guesser(predictor=Predictor(), clock=Clock())
    other = CATALOG.without(["mailer"])
    for catalog in (CATALOG, CATALOG, other, other):
        planner.guess(request(catalog=catalog))

    assert [catalog is other for catalog in asked] == [False, True]
