"""Both planners for the goals of `goals`: the optimal one with a stub decomposer, and the speculative one."""

from goals import GOAL, Clock, steps

from planners.costs import PriorCosts
from planners.optimal.decompose import StubDecomposer
from planners.optimal.planner import OptimalPlannerPipeline
from planners.speculative import SpeculativePlannerPipeline


def pipeline(decomposer=None, **more):
    return OptimalPlannerPipeline(PriorCosts, decomposer, **more)


def stub(**more):
    return StubDecomposer({GOAL: steps()}, **more)


async def all_plans(planner, asked):
    return [plan async for plan in planner.plan(asked)]


def guesser(cache=None, predictor=None, **more):
    """A speculative planner whose clock stands still unless it is given one, so that a busy machine changes nothing."""
    return SpeculativePlannerPipeline(PriorCosts, cache, predictor, **{"clock": Clock(), **more})
