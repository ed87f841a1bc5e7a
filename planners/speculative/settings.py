"""Settings of the speculative planner."""

from pydantic import Field

from planners.model import Model


class SpeculativeSettings(Model):
    """Bounds on guesses.

    ``budget_s`` bounds the CPU time of one guess: past half of it the predictor is not asked, and of a large workflow
    only the first steps are scheduled. ``min_agent_share``: an agent that the optimal planner chose at least this often
    is assumed. ``min_similarity``: a past goal less similar than this is not used. The best of the predictor's first
    ``guesses`` becomes the plan. Up to ``alternatives`` of its first ``considered`` guesses, those with other first
    steps, follow, each with a probability of at least ``min_alternative``. ``revises``: guess again while the plan
    streams in.
    """

    budget_s: float = Field(default=0.02, gt=0)
    min_agent_share: float = Field(default=0.6, ge=0, le=1)
    min_similarity: float = Field(default=0.5, ge=0, le=1)
    guesses: int = Field(default=3, ge=1)
    considered: int = Field(default=8, ge=1)
    alternatives: int = Field(default=2, ge=0)
    min_alternative: float = Field(default=0.05, gt=0, le=1)
    revises: bool = True
