"""A better guess that is being made: what it leaves for the guess in hand to save, and whether to ask for it."""

from typing import NamedTuple

from pydantic import Field

from planners.model import Model
from planners.tasks import PlanningOptions


class LaterGuess(Model):
    """A guess of higher authority that is expected ``at_s`` (seconds from admission).

    ``right`` is the share of the optimal plan's steps that it will probably hold.
    """

    at_s: float = Field(ge=0)
    right: float = Field(ge=0, le=1)

    def leaves(self, now_s: float, saved_s: float, risked_s: float) -> "Left":
        """What a step saves and risks by starting now, given that the later guess decides about it at ``at_s``.

        Where the later guess holds the step too, it starts at that moment anyway, so starting now saves no more than
        the time until then. Where the step is wrong, it is flushed at that moment, so a wrong guess costs no more.
        Both happen as often as the later guess is right.
        """
        lead_s = self.at_s - now_s
        if lead_s <= 0:  # it is late, so nobody knows when it comes
            return Left(saved_s, risked_s)
        return Left(
            saved_s - self.right * max(0.0, saved_s - lead_s),
            risked_s - self.right * max(0.0, risked_s - lead_s),
        )


class Left(NamedTuple):
    """Seconds that a step still saves and risks."""

    saved_s: float
    risked_s: float


def worth_asking(
    later: LaterGuess, usd: float, likely: float, expected_plan_s: float, options: PlanningOptions
) -> bool:
    """Whether a later guess gains more than the dollars it costs.

    From its arrival to that of the optimal plan it starts the steps that the guess in hand misses.

    Args:
        later: when it would arrive, and how often it is right.
        usd: what asking costs.
        likely: P that the steps of the guess in hand are right; 0 without a guess.
        expected_plan_s: when the optimal plan is expected, seconds from admission.
        options: the task's value of time.
    """
    ahead_s = max(0.0, expected_plan_s - later.at_s)
    gain_usd = max(0.0, later.right - likely) * ahead_s * options.value_of_time_usd_per_s
    return gain_usd > usd
