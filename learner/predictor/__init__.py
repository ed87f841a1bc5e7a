"""Predicts the plan of a goal in plain words: steps, edges, and how probable each is."""

from learner.predictor.errors import CorruptPredictor, PredictorError, SemanticsMissing
from learner.predictor.example import GuessedPlan, PlanExample, ToolText
from learner.predictor.predictor import TrainedPlanPredictor

__all__ = [
    "CorruptPredictor",
    "GuessedPlan",
    "PlanExample",
    "PredictorError",
    "SemanticsMissing",
    "ToolText",
    "TrainedPlanPredictor",
]
