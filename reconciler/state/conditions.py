"""The conditions under which a guess is acted on. They are part of the event, so a replay decides the same."""

from pydantic import Field

from planners.model import Model, StepId
from reconciler.gate.guidance import Guidance
from reconciler.gate.later_guess import LaterGuess
from reconciler.gate.policy import GatePolicy
from reconciler.gate.prices import Prices


class Conditions(Model):
    """The learner's guidance for this kind of task, the operator's policy, prices of contended nodes and providers.

    ``chances`` is P of single steps from a model that beats the calibrated claims. ``prior_plan_s`` is when the optimal
    plan is expected (seconds from admission) while the learner knows nothing. ``later``: a better guess that is being
    made.
    """

    guidance: Guidance = Guidance()
    policy: GatePolicy = GatePolicy()
    prices: Prices = Prices()
    chances: dict[StepId, float] = Field(default_factory=dict)
    prior_plan_s: float = Field(default=1.0, ge=0)
    later: LaterGuess | None = Field(default=None, exclude_if=lambda later: later is None)
