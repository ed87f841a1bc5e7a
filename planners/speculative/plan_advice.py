"""What people may want to know about a plan before it runs."""

from pydantic import Field

from planners.model import Model
from planners.speculative.cheaper_agents import CheaperAgent
from planners.speculative.route_chances import RouteChances


class PlanAdvice(Model):
    """The chances of routes, and what would make the plan cheaper or shorter."""

    routes: tuple[RouteChances, ...] = Field(default=(), description="How probable the branches of its routes are")
    cheaper: tuple[CheaperAgent, ...] = Field(
        default=(), description="Cheaper agents where there is slack; with all of them, the plan ends no later"
    )
    hints: tuple[str, ...] = Field(default=(), description="What would shorten the plan, the largest gain first")
