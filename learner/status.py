"""The learner's status as `GET /v1/learner` shows it."""

from learner.online.ledger import LedgerView
from learner.online.reliability import CalibrationReport
from planners.model import Model, Versioned


class KindStatus(Model):
    """One kind of task: the throttle on its guesses, whether its gate is closed, drift, and planning times."""

    throttle: float
    closed: bool
    drifting: bool
    alarms: int
    plan_p50_s: float | None = None
    plan_p90_s: float | None = None


class LearnerStatus(Versioned):
    """What the learner knows and how well it does.

    ``version``: the stored version in use, None before there is one. ``remembered``: outcomes kept for training.
    ``plans``: plans kept for training the predictor. ``predictor``: how often the predictor changed since the start.
    ``figures``: scores of the latest rounds of training on unseen data. ``problems``: what went wrong and has not been
    resolved since.
    """

    outcomes: int
    remembered: int
    since_training: int
    snapshot: int
    version: int | None
    models: tuple[str, ...]
    figures: dict[str, float]
    kinds: dict[str, KindStatus]
    calibration: CalibrationReport
    ledger: LedgerView
    plans: int
    predictor: int
    problems: tuple[str, ...]
