"""A verdict with its features, seconds and dollars: what the learner learns from."""

from enum import StrEnum

from pydantic import Field

from planners.model import AgentName, AttemptId, NodeId, StepId, TaskId, Versioned


class Verdict(StrEnum):
    """What becomes of an attempt."""

    COMMIT = "commit"
    REPARENT = "salvage:re-parent"
    KEEP = "salvage:keep"
    MIGRATE = "salvage:migrate"
    FLUSH = "flush"

    @property
    def survives(self) -> bool:
        """Whether the attempt's work is used."""
        return self is not Verdict.FLUSH

    @property
    def salvages(self) -> bool:
        """Whether the work is used otherwise than planned."""
        return self.value.startswith("salvage")


class Outcome(Versioned):
    """How one attempt ended.

    ``probability``, ``saved_s`` and ``cost_usd`` are the gate's P, L and C at dispatch; ``realised_s`` is what the
    speculation really saved: how much later the run would have ended, had the step started only when a plan of
    authority held it (`reconciler.state.realised_savings`).

    ``claimed`` is the planner's own probability, before any calibration; ``own_s`` the part of L that no other attempt
    claims too. A guess that the gate refused is an outcome as well, with ``dispatched`` false: no seconds, and the
    verdict its work would have had; ``realised_s`` is then what it would have saved. Without these the gate would only
    ever learn about what it dares already. ``planning_s`` is how long the optimal plan took, from admission.
    ``features`` are numbers known of the step's inputs (`reconciler.state.features`). ``speed`` is that of the node:
    seconds times speed is what a node of speed 1 would take.
    """

    task: TaskId
    task_kind: str
    attempt: AttemptId
    step: StepId
    capability: str
    agent: AgentName
    node: NodeId
    speculative: bool
    verdict: Verdict
    succeeded: bool
    seconds: float = Field(ge=0)
    expected_s: float = Field(ge=0)
    usd: float = Field(default=0.0, ge=0)
    output_bytes: int = 0
    probability: float | None = None
    saved_s: float | None = None
    cost_usd: float | None = None
    realised_s: float | None = None
    dispatched: bool = True
    claimed: float | None = None
    own_s: float | None = None
    value_of_time_usd_per_s: float = 0.001
    planning_s: float | None = None
    features: dict[str, float] = Field(default_factory=dict)
    speed: float = Field(default=1.0, gt=0)

    @property
    def work_s(self) -> float:
        """Seconds on a node of speed 1: what the planners' cost model speaks of."""
        return self.seconds * self.speed

    @property
    def cut_short(self) -> bool:
        """Cancelled while it ran, so all that is known of how long it takes is that it takes longer."""
        return self.dispatched and not self.succeeded and not self.verdict.survives and self.seconds > 0
