"""What the learner ships: everything planners and gates need, immutable, versioned, a few hundred kilobytes at most."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from learner.models.costs import LearnedCosts
from learner.models.survival import Rates, SurvivalModel, VerdictChances, feature_row, verdict_chances
from planners.model import StepId
from planners.plans import Plan
from reconciler.gate import Guidance


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A view of all that was learned. ``number`` grows with every change; ``version`` is that of the models on disk.

    ``guidance`` is by kind of task; ``unknown`` serves the kinds without.
    """

    number: int = 0
    version: int | None = None
    costs: LearnedCosts = field(default_factory=LearnedCosts)
    guidance: Mapping[str, Guidance] = field(default_factory=dict)
    unknown: Guidance = field(default_factory=Guidance)
    rates: Rates = field(default_factory=Rates)
    survival: SurvivalModel | None = None

    def guidance_for(self, kind: str) -> Guidance:
        """What the gate is told about this kind of task."""
        return self.guidance.get(kind, self.unknown)

    def chances(self, plan: Plan, kind: str) -> dict[StepId, float]:
        """P of survival of every step of a guess, by the boosted model; empty while calibrated claims are the best.

        A child's work key holds its parents', so it is never likelier than they are.
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

    def verdicts(self, plan: Plan, kind: str) -> dict[StepId, VerdictChances]:
        """P of commit, salvage and flush of every step of a guess."""
        chances, calibration = self.chances(plan, kind), self.guidance_for(kind).calibration
        return {
            planned.id: verdict_chances(
                chances.get(planned.id, calibration.of(planned.probability)),
                self.rates.salvage_share(planned.placement.agent),
            )
            for planned in plan.steps
        }
