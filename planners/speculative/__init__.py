"""Guessing the optimal plan in milliseconds: from memory, a learned predictor, and list scheduling for the rest."""

from planners.speculative.plan_cache import MemorySnapshot, PlanMemory
from planners.speculative.planner import SpeculativePlannerPipeline, SpeculativeSettings
from planners.speculative.predictor import GuessedPlan, PlanPredictor

__all__ = [
    "GuessedPlan",
    "MemorySnapshot",
    "PlanMemory",
    "PlanPredictor",
    "SpeculativePlannerPipeline",
    "SpeculativeSettings",
]
