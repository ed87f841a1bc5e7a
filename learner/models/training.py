"""One round of training: challengers from a bounded sample of outcomes; each replaces its champion only when better."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from learner.models.bundle import ModelBundle
from learner.models.durations import DurationModel, fit_durations
from learner.models.survival import FEATURES, Rates, feature_row, fit_survival
from reconciler.state.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Trained:
    """What a round left behind: the models now best, which of them are new, and how each fared on unseen outcomes."""

    models: ModelBundle
    replaced: tuple[str, ...]
    figures: dict[str, float]


def train(sample: Sequence[Outcome], champion: ModelBundle) -> Trained:
    """Challenge the survival model and the duration model of every agent. Bounded by the size of the sample."""
    figures: dict[str, float] = {}
    replaced: list[str] = []
    models = _challenge_survival(sample, champion, replaced, figures)
    models = _challenge_durations(sample, models, replaced, figures)
    return Trained(models, tuple(replaced), figures)


def survival_rows(guesses: Sequence[Outcome]) -> list[list[float]]:
    """One row a guess, with the rates as they stood before its verdict, so that no row knows its own end."""
    rates, rows = Rates(), []
    for guess in guesses:
        known = rates.features(guess.task_kind, guess.agent)
        rows.append(feature_row(claim(guess), known, guess.expected_s, guess.features.get("parents", math.nan)))
        rates.add(guess.task_kind, guess.agent, survived=guess.verdict.survives, salvaged=guess.verdict.salvages)
    return rows


def claim(guess: Outcome) -> float:
    """The planner's own probability, or the gate's where that was not told."""
    return 1.0 if guess.appraisal is None else guess.appraisal.claimed


def _challenge_survival(
    sample: Sequence[Outcome], champion: ModelBundle, replaced: list[str], figures: dict[str, float]
) -> ModelBundle:
    guesses = [outcome for outcome in sample if outcome.speculative]
    used = [claim(guess) if guess.appraisal is None else guess.appraisal.probability for guess in guesses]
    fitted = fit_survival(
        np.array(survival_rows(guesses), float).reshape(len(guesses), len(FEATURES)),
        np.array([guess.verdict.survives for guess in guesses], bool),
        [guess.task for guess in guesses],
        np.array(used, float),
    )
    if fitted is None:
        return champion
    figures |= {
        "survival_brier": fitted.brier,
        "survival_used_brier": fitted.used_brier,
        "survival_claims_brier": fitted.claims_brier,
    }
    if champion.survival is not None and fitted.claims_suffice:
        replaced.append("survival dropped")
        return replace(champion, survival=None, survival_text="")
    if not fitted.better:
        return champion
    replaced.append("survival")
    return replace(champion, survival=fitted.model, survival_text=fitted.text)


def _challenge_durations(
    sample: Sequence[Outcome], champion: ModelBundle, replaced: list[str], figures: dict[str, float]
) -> ModelBundle:
    durations: dict[str, DurationModel] = dict(champion.durations)
    texts = dict(champion.duration_texts)
    # Sorting is stable: within an agent the outcomes stay in order.
    timed = (one for one in sample if (one.dispatched and one.succeeded) or one.cut_short)
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
    return replace(champion, durations=durations, duration_texts=texts)
