"""One round of training on a sample of outcomes. A challenger replaces its champion only if it is better."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np

from learner.models.bundle import ModelBundle
from learner.models.durations import fit_durations
from learner.models.survival import FEATURES, feature_row, fit_survival
from learner.online.survival_rates import SurvivalRates
from learner.online.usable_outcomes import claimed_probability, gate_probability, is_finished
from reconciler.state.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """The best models after a round, the names of those that changed, and scores on unseen outcomes.

    ``generation`` is that of the champions the round started from (`ModelStore.generation`).
    """

    models: ModelBundle
    replaced: tuple[str, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)
    generation: int = 0


def train(sample: Sequence[Outcome], champion: ModelBundle, generation: int = 0) -> TrainingResult:
    """Challenge the survival model and the duration model of every agent. Cost is bounded by the sample's size."""
    survival = _train_survival(sample, champion)
    durations = _train_durations(sample, survival.models)
    return TrainingResult(
        durations.models,
        survival.replaced + durations.replaced,
        survival.figures | durations.figures,
        generation,
    )


def survival_rows(guesses: Sequence[Outcome]) -> list[list[float]]:
    """One row per guess. Its rates are those before its verdict, so no row contains its own result."""
    rates, rows = SurvivalRates(), []
    for guess in guesses:
        before = rates.features(guess.task_kind, guess.agent)
        parents = guess.features.get("parents", math.nan)
        rows.append(feature_row(claimed_probability(guess), before, guess.expected_s, parents))
        rates.add(guess.task_kind, guess.agent, survived=guess.verdict.survives)
    return rows


def _train_survival(sample: Sequence[Outcome], champion: ModelBundle) -> TrainingResult:
    guesses = [outcome for outcome in sample if outcome.speculative]
    fitted = fit_survival(
        np.array(survival_rows(guesses), float).reshape(len(guesses), len(FEATURES)),
        np.array([guess.verdict.survives for guess in guesses], bool),
        [guess.task for guess in guesses],
        np.array([gate_probability(guess) for guess in guesses], float),
    )
    if fitted is None:
        return TrainingResult(champion)
    figures = {
        "survival_brier": fitted.brier,
        "survival_used_brier": fitted.used_brier,
        "survival_claims_brier": fitted.claims_brier,
    }
    if champion.survival is not None and fitted.claims_suffice:
        without = replace(champion, survival=None, survival_text="")
        return TrainingResult(without, ("survival dropped",), figures)
    if not fitted.better:
        return TrainingResult(champion, figures=figures)
    models = replace(champion, survival=fitted.model, survival_text=fitted.text)
    return TrainingResult(models, ("survival",), figures)


def _train_durations(sample: Sequence[Outcome], champion: ModelBundle) -> TrainingResult:
    durations, texts = dict(champion.durations), dict(champion.duration_texts)
    replaced: list[str] = []
    figures: dict[str, float] = {}
    # Sorting is stable: the outcomes of an agent stay in order.
    timed = (outcome for outcome in sample if is_finished(outcome) or outcome.cut_short)
    for agent, group in groupby(sorted(timed, key=lambda one: one.agent), key=lambda one: one.agent):
        rows = list(group)
        fitted = fit_durations(
            [row.features for row in rows],
            [row.work_s for row in rows],
            durations.get(agent),
            [row.succeeded for row in rows],
        )
        if fitted is None:
            continue
        figures |= {f"duration_loss:{agent}": fitted.loss, f"duration_champion_loss:{agent}": fitted.champion_loss}
        if fitted.better:
            durations[agent], texts[agent] = fitted.model, fitted.texts
            replaced.append(f"duration:{agent}")
    models = replace(champion, durations=durations, duration_texts=texts)
    return TrainingResult(models, tuple(replaced), figures)
