"""What the learner sends to planners and gates: immutable, numbered, at most some hundred kilobytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from learner.models.learned_costs import LearnedCosts
from learner.models.survival import SurvivalModel, feature_row
from learner.online.survival_rates import SurvivalRates
from planners.model import StepId
from planners.plans import Plan
from reconciler.gate import Guidance


@dataclass(frozen=True, slots=True)
class LearnerSnapshot:
    """Everything learned so far. ``number`` grows with every change; ``version`` is that of the stored models.

    ``guidance`` is by kind of task; ``default_guidance`` is for all other kinds.
    """

    number: int = 0
    version: int | None = None
    costs: LearnedCosts = field(default_factory=LearnedCosts)
    guidance: Mapping[str, Guidance] = field(default_factory=dict)
    default_guidance: Guidance = field(default_factory=Guidance)
    rates: SurvivalRates = field(default_factory=SurvivalRates)
    survival: SurvivalModel | None = None

    def guidance_for(self, kind: str) -> Guidance:
        """The gate's guidance for one kind of task."""
        return self.guidance.get(kind, self.default_guidance)

    def chances(self, plan: Plan, kind: str) -> dict[StepId, float]:
        """The probability that each step of a speculative plan survives, by the survival model.

        Empty while calibrated claims are better than any model. A child is never more probable than its data parents,
        because its work key contains theirs.
        """
        if self.survival is None:
            return {}
        chances: dict[StepId, float] = {}
        for planned in plan.steps:
            rates = self.rates.features(kind, planned.placement.agent)
            parents = planned.step.data_parents
            row = feature_row(planned.probability, rates, planned.placement.duration_s, float(len(parents)))
            own = self.survival.probability(row)
            chances[planned.id] = min([own, *(chances[parent] for parent in parents if parent in chances)])
        return chances
