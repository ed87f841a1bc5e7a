"""Under which conditions a guess is acted on: part of the event, so that folding the journal decides the same again."""

from pydantic import Field

from planners.model import Model, StepId
from reconciler.gate.guidance import Guidance
from reconciler.gate.policy import GatePolicy
from reconciler.gate.prices import Prices


class Conditions(Model):
    """What the learner says of this kind of task, the operator's bounds, prices of contended nodes and providers.

    ``chances`` is P of single steps by a model that knows better than their claims. ``prior_plan_s`` is when the
    optimal plan is expected (seconds from admission) as long as the learner knows nothing.
    """

    guidance: Guidance = Guidance()
    policy: GatePolicy = GatePolicy()
    prices: Prices = Prices()
    chances: dict[StepId, float] = Field(default_factory=dict)
    prior_plan_s: float = Field(default=1.0, ge=0)
