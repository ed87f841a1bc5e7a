"""How similar a predictor's guesses are to the plans that goals really got."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from learner.predictor import PlanExample, TrainedPlanPredictor
from learner.predictor.example import edge_names
from planners.similarity import multiset_f1


def mean_similarity(predictor: TrainedPlanPredictor, examples: Sequence[PlanExample]) -> float:
    """The mean of `similarities`; 0 without examples."""
    return float(similarities(predictor, examples).mean()) if examples else 0.0


def similarities(predictor: TrainedPlanPredictor, examples: Sequence[PlanExample]) -> NDArray[np.float64]:
    """The plan similarity of the best guess at each example."""
    return np.array([guess_similarity(predictor, example) for example in examples])


def guess_similarity(predictor: TrainedPlanPredictor, example: PlanExample) -> float:
    """(step F1 + edge F1) / 2 of the best guess; 0 without a guess."""
    guesses = predictor.predict(example.request, kind=example.kind)
    if not guesses or not guesses[0].steps:
        return 0.0
    guess = guesses[0]
    edges = edge_names(guess.steps, guess.edges), edge_names(example.steps, example.edges)
    return (multiset_f1(guess.steps, example.steps) + multiset_f1(*edges)) / 2
