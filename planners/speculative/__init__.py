"""The speculative planner: guesses the optimal plan in milliseconds, with a probability on each step.

Here: the planner, the cache of past plans, and the binding of predicted steps to their inputs. Not here: the predictor
(`learner.predictor`, behind `PlanPredictor`), schedules (`planners.scheduling`) and the gate (`reconciler.gate`).
"""

from planners.speculative.plan_cache import PlanCache
from planners.speculative.planner import SpeculativePlannerPipeline
from planners.speculative.predictor import ConfirmedSteps, GuessedPlan, PlanPredictor
from planners.speculative.settings import SpeculativeSettings

__all__ = [
    "ConfirmedSteps",
    "GuessedPlan",
    "PlanCache",
    "PlanPredictor",
    "SpeculativePlannerPipeline",
    "SpeculativeSettings",
]
