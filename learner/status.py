"""The learner's status as `GET /v1/learner` shows it."""

from pydantic import Field

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


class Checked(Model):
    """How many outputs were checked, older ones discounted, and the share of them that was accepted."""

    outputs: float
    accepted: float | None = None


class AgentStatus(Model):
    """What is learned about an agent: its durations, and how often its outputs pass the checks of steps.

    ``checked`` counts outputs when the agent was asked for the first time; ``kinds`` is the same by kind of input
    (`planners.input_kinds`), the most frequent ones. ``judged`` and ``judged_kinds`` count outputs that people have
    approved, rejected or corrected. Seconds are those on a node of speed 1; None: it never finished.
    """

    outcomes: int = 0
    p50_s: float | None = None
    p90_s: float | None = None
    checked: Checked
    kinds: dict[str, Checked] = Field(default_factory=dict)
    judged: Checked = Checked(outputs=0.0)
    judged_kinds: dict[str, Checked] = Field(default_factory=dict)


class LearnerStatus(Versioned):
    """What the learner knows and how well it does.

    ``version``: the stored version in use, None before there is one. ``remembered``: outcomes kept for training.
    ``plans``: plans kept for training the predictor. ``predictor``: how often the predictor changed since the start.
    ``agents``: what is learned by agent. ``figures``: scores of the latest rounds of training on unseen data.
    ``problems``: what went wrong and has not been resolved since.
    """

    outcomes: int
    remembered: int
    since_training: int
    snapshot: int
    version: int | None
    models: tuple[str, ...]
    figures: dict[str, float]
    kinds: dict[str, KindStatus]
    agents: dict[str, AgentStatus] = Field(default_factory=dict)
    calibration: CalibrationReport
    ledger: LedgerView
    plans: int
    predictor: int
    problems: tuple[str, ...]
