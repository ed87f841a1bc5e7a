"""What may be learned from an outcome. Values that would spoil statistics or stored models are removed here."""

import math
from typing import Any

from reconciler.gate import Appraisal
from reconciler.state.outcomes import Outcome

# Beyond anything real: such values come from a broken clock or a broken price.
_MAX_SECONDS = 1e9
_MAX_USD = 1e12
_MAX_BYTES = 2**53
_MAX_SPEED = 1e6
_MAX_FEATURES = 64
_MAX_NAME = 1_000


def usable_outcome(outcome: Outcome) -> Outcome | None:
    """The outcome with safe values only; None if its names, amounts or appraisal are not usable.

    Optional figures that are not finite become None, and features that are not finite are left out.
    """
    names = (outcome.task, outcome.task_kind, outcome.attempt, outcome.step, outcome.capability, outcome.agent)
    amounts_are_usable = (
        0 <= outcome.seconds <= _MAX_SECONDS
        and 0 <= outcome.expected_s <= _MAX_SECONDS
        and 0 <= outcome.usd <= _MAX_USD
        and 0 <= outcome.value_of_time_usd_per_s <= _MAX_USD
        and 0 < outcome.speed <= _MAX_SPEED
    )
    if not amounts_are_usable or not all(map(_is_storable, names)) or not _is_usable(outcome.appraisal):
        return None
    changes = {name: value for name, value in _safe_values(outcome).items() if value != getattr(outcome, name)}
    return outcome.model_copy(update=changes) if changes else outcome


def claimed_probability(guess: Outcome) -> float:
    """The planner's own probability that a guess survives; 1 if the gate made no appraisal."""
    return 1.0 if guess.appraisal is None else guess.appraisal.claimed


def gate_probability(guess: Outcome) -> float:
    """The calibrated probability that the gate used; 1 if it made no appraisal."""
    return 1.0 if guess.appraisal is None else guess.appraisal.probability


def is_finished(outcome: Outcome) -> bool:
    """Whether the attempt ran to a successful end, so that its duration is known."""
    return outcome.dispatched and outcome.succeeded


def _safe_values(outcome: Outcome) -> dict[str, Any]:
    features = outcome.features
    if len(features) > _MAX_FEATURES or not all(map(math.isfinite, features.values())):
        finite = [name for name in sorted(features) if math.isfinite(features[name])]
        features = {name: features[name] for name in finite[:_MAX_FEATURES]}
    return {
        "realised_s": _bounded(outcome.realised_s, least=-_MAX_SECONDS),
        "planning_s": _bounded(outcome.planning_s, least=0.0),
        "output_bytes": min(max(0, outcome.output_bytes), _MAX_BYTES),
        "features": features,
    }


def _is_usable(appraisal: Appraisal | None) -> bool:
    if appraisal is None:
        return True
    probabilities = (appraisal.claimed, appraisal.probability)
    seconds = (appraisal.saved_s, appraisal.own_s, appraisal.risked_s)
    return (
        all(0 <= p <= 1 for p in probabilities)
        and all(0 <= value <= _MAX_SECONDS for value in seconds)
        and 0 <= appraisal.cost_usd <= _MAX_USD
    )


def _bounded(seconds: float | None, least: float) -> float | None:
    return seconds if seconds is not None and least <= seconds <= _MAX_SECONDS else None


def _is_storable(name: str) -> bool:
    return len(name) <= _MAX_NAME and not any("\ud800" <= char <= "\udfff" for char in name)
