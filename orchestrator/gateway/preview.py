"""Compare both plans of a task that is not run: similarity, and the verdict of each speculative attempt."""

from orchestrator.gateway.protocol import Preview
from planners.graph import PlanGraph
from planners.model import StepId
from planners.plans import PlannedStep
from planners.similarity import similarity
from reconciler.runtime.planned_preview import PlannedPreview
from reconciler.state.outcomes import Verdict


def preview(made: PlannedPreview) -> Preview:
    """Both plans with the verdicts of attempts that were only just dispatched, so that moving them costs nothing."""
    guess, plan = made.guess, made.plan
    verdicts: dict[StepId, Verdict] = {}
    matched: set[StepId] = set()
    by_key = {planned.work_key: planned for planned in plan.steps}
    for planned in guess.steps if guess is not None else ():
        match = by_key.get(planned.work_key)
        verdicts[planned.id] = _verdict(planned, match)
        if match is not None:
            matched.add(match.id)
    alike = similarity(guess, plan) if guess is not None else None
    return Preview(
        speculative=guess,
        optimal=plan,
        speculative_plan_ms=None if guess is None else 1000 * made.guess_s,
        optimal_plan_s=made.plan_s,
        similarity=alike and alike.similarity,
        step_f1=alike and alike.step_f1,
        edge_f1=alike and alike.edge_f1,
        placement_similarity=alike and alike.placement,
        verdicts=verdicts,
        dispatched=tuple(planned.id for planned in plan.steps if planned.id not in matched),
        figures=PlanGraph(plan).figures(),
        routes=made.advice.routes,
        cheaper=made.advice.cheaper,
        hints=made.advice.hints,
    )


def _verdict(guessed: PlannedStep, planned: PlannedStep | None) -> Verdict:
    if planned is None:
        return Verdict.FLUSH
    if not guessed.placement.equals_node_of(planned.placement):
        return Verdict.MIGRATE
    return Verdict.COMMIT if guessed.id == planned.id else Verdict.REPARENT
