"""Past plans of authority as the plan predictor knows them, and how alike its guesses are to them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from learner.predictor import PlanExample, ToolText, TrainedPlanPredictor
from learner.predictor.example import edge_names
from planners.agents import AgentSpec, Catalog
from planners.plans import Plan
from planners.similarity import multiset_f1


def plan_example(goal: str, plan: Plan) -> PlanExample:
    """What the predictor learns from a goal and the optimal plan it got."""
    index = {planned.id: number for number, planned in enumerate(plan.steps)}
    edges = [
        (index[parent], number)
        for number, planned in enumerate(plan.steps)
        for parent in planned.step.parents
        if parent in index
    ]
    return PlanExample(goal, tuple(planned.step.capability for planned in plan.steps), tuple(edges))


def tool_texts(catalog: Catalog) -> list[ToolText]:
    """The catalog's capabilities as words; where several agents offer one, the first speaks for it."""
    return [_tool_text(capability, agents[0]) for capability, agents in catalog.by_capability.items()]


def _tool_text(capability: str, agent: AgentSpec) -> ToolText:
    def names(schema: dict[str, object] | None) -> tuple[str, ...]:
        properties = (schema or {}).get("properties")
        return tuple(properties) if isinstance(properties, dict) else ()

    return ToolText(capability, agent.description, names(agent.input_schema), names(agent.output_schema))


def mean_similarity(predictor: TrainedPlanPredictor, examples: Sequence[PlanExample]) -> float:
    """Mean over examples of plan similarity; no guess counts as 0."""
    return float(similarities(predictor, examples).mean()) if examples else 0.0


def similarities(predictor: TrainedPlanPredictor, examples: Sequence[PlanExample]) -> NDArray[np.float64]:
    """Plan similarity of the best guess at each example."""
    return np.array([guess_similarity(predictor, example) for example in examples])


def guess_similarity(predictor: TrainedPlanPredictor, example: PlanExample) -> float:
    """(step F1 + edge F1) / 2 of the best guess."""
    guesses = predictor.predict(example.request)
    if not guesses or not guesses[0].steps:
        return 0.0
    guess = guesses[0]
    edges = edge_names(guess.steps, guess.edges), edge_names(example.steps, example.edges)
    return (multiset_f1(guess.steps, example.steps) + multiset_f1(*edges)) / 2
