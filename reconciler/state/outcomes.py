"""A verdict with its features, seconds and dollars: what the learner learns from."""

from enum import StrEnum
from typing import Any

from pydantic import Field, model_validator

from planners.model import AgentName, AttemptId, NodeId, StepId, TaskId, Versioned
from reconciler.gate import Appraisal, nest_appraisal


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


class Outcome(Versioned):
    """How one attempt ended.

    ``appraisal`` is the gate's, at dispatch; ``realised_s`` is what the speculation really saved: how much later the
    run would have ended if the step had started only when the optimal plan held it
    (`reconciler.state.realised_savings`).

    A guess that the gate refused is an outcome too, with ``dispatched`` false: no seconds, the verdict its work would
    have had, and in ``realised_s`` what it would have saved. Without these the gate would learn only about steps it
    already accepts. ``given_up``: it was flushed as unlikely while the plan streamed in; its verdict is what the
    complete plan says of its work.

    ``planning_s`` is how long the optimal plan took, from admission. ``features`` are numbers known of the step's
    inputs (`reconciler.state.features`). ``speed`` is that of the node: seconds times speed is what a node of speed 1
    would take.

    ``accepted``: whether the output passed the step's check; None if none was made. ``input_kind``: see
    `planners.input_kinds`. ``again``: the output before was refused, and the agent was told why.

    ``judged``: a further outcome of an attempt, in which ``accepted`` is what a person has said of its output. All else
    was learned before.
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
    appraisal: Appraisal | None = None
    realised_s: float | None = None
    dispatched: bool = True
    given_up: bool = False
    value_of_time_usd_per_s: float = 0.001
    planning_s: float | None = None
    features: dict[str, float] = Field(default_factory=dict)
    speed: float = Field(default=1.0, gt=0)
    accepted: bool | None = None
    input_kind: str = ""
    again: bool = False
    judged: bool = False

    @model_validator(mode="before")
    @classmethod
    def _nests_its_appraisal(cls, given: Any) -> Any:
        """Rows stored before `Appraisal` existed hold its values flat."""
        return nest_appraisal(given)

    @property
    def work_s(self) -> float:
        """Seconds on a node of speed 1: what the planners' cost model speaks of."""
        return self.seconds * self.speed

    @property
    def cut_short(self) -> bool:
        """Cancelled while it ran, so all that is known of how long it takes is that it takes longer."""
        return self.dispatched and not self.succeeded and not self.verdict.survives and self.seconds > 0
