"""Guessing the optimal plan in milliseconds: from memory, a learned predictor, and list scheduling for the rest."""

from planners.speculative.plan_cache import PlanCache, PlanCacheSnapshot
from planners.speculative.planner import SpeculativePlannerPipeline, SpeculativeSettings
from planners.speculative.predictor import GuessedPlan, PlanPredictor

__all__ = [
    "GuessedPlan",
    "PlanCache",
    "PlanCacheSnapshot",
    "PlanPredictor",
    "SpeculativePlannerPipeline",
    "SpeculativeSettings",
]
