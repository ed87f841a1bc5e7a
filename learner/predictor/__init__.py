"""Predicts the plan of a goal in plain words: its steps, its edges, and the probability of each.

Here: features, models, training and storage of one predictor. Not here: when it is trained and which one is in use
(`learner.models`, `learner.registry`), nor how a guess becomes a plan (`planners.speculative`).
"""

from learner.predictor.errors import CorruptPredictor, PredictorError, SemanticsMissing
from learner.predictor.example import PlanExample, ToolText
from learner.predictor.predictor import TrainedPlanPredictor

__all__ = [
    "CorruptPredictor",
    "PlanExample",
    "PredictorError",
    "SemanticsMissing",
    "ToolText",
    "TrainedPlanPredictor",
]
