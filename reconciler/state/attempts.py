"""One dispatch of one step, what may become of it, and the immutable snapshot of all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from planners.model import AttemptId, StepId, WorkKey
from planners.plans import Placement
from planners.workflow import Step
from reconciler.gate import Appraisal
from reconciler.state.handoff import Failure, Handoff
from reconciler.state.outcomes import Verdict


class AttemptStatus(StrEnum):
    """Where an attempt is. The last three are ends."""

    DISPATCHED = "dispatched"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    FLUSHED = "flushed"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is known of one dispatch; each change makes a new one.

    ``step`` is the position it serves now; re-parenting changes it. ``loose_key`` is the work key without the agent:
    what interchangeable agents share. ``appraisal`` is the gate's, for an attempt that began as a speculative one. All
    ``_s`` moments count from admission.
    """

    id: AttemptId
    step: Step
    placement: Placement
    work_key: WorkKey
    loose_key: WorkKey
    epoch: int
    speculative: bool
    dispatched_s: float
    status: AttemptStatus = AttemptStatus.DISPATCHED
    verdict: Verdict | None = None
    began_speculative: bool = False
    confirmed_s: float | None = None
    started_s: float | None = None
    ended_s: float | None = None
    seconds: float = 0.0
    handoff: Handoff | None = None
    failure: Failure | None = None
    appraisal: Appraisal | None = None
    reason: str = ""

    @property
    def live(self) -> bool:
        """Whether it still holds an agent or waits for one."""
        return self.status in (AttemptStatus.DISPATCHED, AttemptStatus.RUNNING)

    @property
    def finished(self) -> bool:
        """Whether its output is there."""
        return self.status is AttemptStatus.FINISHED

    @property
    def usable(self) -> bool:
        """Whether a plan may still adopt its work."""
        return (self.live or self.finished) and self.verdict is not Verdict.FLUSH

    def remaining_s(self, now_s: float) -> float:
        """Expected seconds until it ends; 0 when it has finished, the whole duration while it waits for room."""
        if self.finished:
            return 0.0
        if self.started_s is None:
            return self.placement.duration_s
        return max(0.0, self.placement.duration_s - (now_s - self.started_s))

    def as_started(self, at_s: float) -> "Attempt":
        """The agent has begun."""
        return replace(self, status=AttemptStatus.RUNNING, started_s=at_s)

    def as_finished(self, at_s: float, seconds: float, handoff: Handoff) -> "Attempt":
        """The agent has returned."""
        started_s = max(self.dispatched_s, at_s - seconds) if self.started_s is None else self.started_s
        return replace(
            self,
            status=AttemptStatus.FINISHED,
            started_s=started_s,
            ended_s=at_s,
            seconds=seconds,
            handoff=handoff,
        )

    def as_failed(self, at_s: float, seconds: float, failure: Failure) -> "Attempt":
        """The agent has failed; work that nobody had confirmed is of no use to any plan."""
        return replace(
            self,
            status=AttemptStatus.FAILED,
            ended_s=at_s,
            seconds=seconds,
            failure=failure,
            verdict=self.verdict or Verdict.FLUSH,
        )

    def as_given_up(self, at_s: float, verdict: Verdict) -> "Attempt":
        """No plan wants it. One that still ran is flushed; one that had finished keeps its output."""
        if not self.live:
            return replace(self, verdict=verdict)
        seconds = 0.0 if self.started_s is None else at_s - self.started_s
        return replace(self, verdict=verdict, status=AttemptStatus.FLUSHED, seconds=seconds, ended_s=at_s)

    def as_confirmed(self, at_s: float, epoch: int, step: Step, verdict: Verdict) -> "Attempt":
        """A plan of authority holds its work, maybe at another place in the graph."""
        return replace(
            self,
            step=step,
            epoch=epoch,
            speculative=False,
            verdict=verdict,
            confirmed_s=at_s if self.confirmed_s is None else self.confirmed_s,
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """All attempts of a task at one moment (seconds from admission)."""

    at_s: float = 0.0
    attempts: Mapping[AttemptId, Attempt] = field(default_factory=dict)

    def usable(self) -> list[Attempt]:
        """Attempts whose work a plan may adopt, in order of dispatch."""
        return [attempt for attempt in self.attempts.values() if attempt.usable]

    def finished_steps(self, serving: Mapping[StepId, AttemptId]) -> list[StepId]:
        """The steps whose attempt has finished."""
        return [step for step, attempt in serving.items() if self.attempts[attempt].finished]
