"""Predicts the plan of a goal in plain words: steps, edges, and how probable each is."""

from learner.predictor.errors import CorruptPredictor, PredictorError, SemanticsMissing
from learner.predictor.example import GuessedPlan, PlanExample, ToolText
from learner.predictor.predictor import PlanPredictor

__all__ = [
    "CorruptPredictor",
    "GuessedPlan",
    "PlanExample",
    "PlanPredictor",
    "PredictorError",
    "SemanticsMissing",
    "ToolText",
]
