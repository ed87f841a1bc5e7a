"""One dispatch of one step and what may become of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from operator import attrgetter
from typing import Any

from planners.model import AttemptId, WorkKey
from planners.plans import Placement
from planners.workflow import Step
from reconciler.gate import Appraisal
from reconciler.state.handoff import Failure, Handoff
from reconciler.state.outcomes import Verdict


class AttemptStatus(StrEnum):
    """Where an attempt is.

    ``in_doubt`` is an irreversible attempt that was lost: it may have acted. It becomes ``finished`` or ``failed`` once
    that is known. ``finished``, ``failed`` and ``flushed`` are ends.
    """

    DISPATCHED = "dispatched"
    RUNNING = "running"
    IN_DOUBT = "in_doubt"
    FINISHED = "finished"
    FAILED = "failed"
    FLUSHED = "flushed"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is known of one dispatch. It never changes; each ``as_`` method returns the attempt after a change.

    Attributes:
        step: the position that it serves now; re-parenting changes it.
        loose_key: the work key without the agent, which interchangeable agents share. None where they are not.
        agentless_key: the work key without the agents of the step and of all steps before it. An act keeps it under any
            plan, so no new plan repeats the act. None if no agent of the catalog acts.
        verdict: what the optimal plan made of it; None while no plan has decided.
        given_up: whether it was flushed as unlikely before a plan decided about it.
        began_speculative: whether it was dispatched before a plan confirmed it.
        confirmed_s: when a plan first held its work.
        seconds: how long the agent ran.
        failure: why it failed, or why it is in doubt.
        verifying: whether the agent's verify hook has been asked about it (in doubt).
        appraisal: the gate's, if it began as a speculative attempt.
        kept: whether an earlier task has run it; it costs this one nothing.
        ahead: whether it is a guess at what follows the pending nodes of a plan. Plans with pending nodes leave it
            undecided.
        hedges: the attempt beside which it does the same work; None once it serves the step itself.
        hedge: whether it was started beside a late one at the same work; stays when it serves the step.
        standby: whether it was started beside an attempt of another agent whose output may be refused.
        held: whether its staged output is not promoted yet, because a plan that is coming decides about its step.

    All moments are seconds from admission.
    """

    id: AttemptId
    step: Step
    placement: Placement
    work_key: WorkKey
    loose_key: WorkKey | None
    agentless_key: WorkKey | None
    epoch: int
    dispatched_s: float
    speculative: bool = False
    status: AttemptStatus = AttemptStatus.DISPATCHED
    verdict: Verdict | None = None
    given_up: bool = False
    began_speculative: bool = False
    confirmed_s: float | None = None
    started_s: float | None = None
    ended_s: float | None = None
    seconds: float = 0.0
    handoff: Handoff | None = None
    failure: Failure | None = None
    verifying: bool = False
    appraisal: Appraisal | None = None
    reason: str = ""
    kept: bool = False
    ahead: bool = False
    hedges: AttemptId | None = None
    hedge: bool = False
    standby: bool = False
    held: bool = False

    @property
    def live(self) -> bool:
        """Whether it holds an agent or waits for one."""
        return self.status is AttemptStatus.DISPATCHED or self.status is AttemptStatus.RUNNING

    @property
    def finished(self) -> bool:
        """Whether its output is there."""
        return self.status is AttemptStatus.FINISHED

    @property
    def in_doubt(self) -> bool:
        """Whether it may have acted and nobody knows."""
        return self.status is AttemptStatus.IN_DOUBT

    @property
    def usable(self) -> bool:
        """Whether a plan may still adopt its work."""
        under_way = self.live or self.finished or self.in_doubt
        return under_way and self.hedges is None and self.verdict is not Verdict.FLUSH

    @property
    def unconfirmed(self) -> bool:
        """Whether it is speculative work, running or finished, that no plan has decided about."""
        return self.verdict is None and (self.live or self.finished)

    @property
    def settles(self) -> bool:
        """Whether it has finished and a plan holds its work."""
        return self.finished and self.verdict is not None and self.verdict.survives

    @property
    def settled(self) -> bool:
        """Whether, besides, no plan that is coming decides about it, so that its effects are out."""
        return self.settles and not self.held

    @property
    def took_effect(self) -> bool:
        """Whether its effects are out, although a later plan may have no use for its output."""
        confirmed = not self.began_speculative or self.confirmed_s is not None
        return self.settled or (self.finished and confirmed and self.hedges is None and not self.held)

    @property
    def counts_s(self) -> float:
        """From when on its end counts: not before a plan held its work."""
        return max(self.ended_s or 0.0, self.confirmed_s or 0.0)

    @property
    def identity(self) -> dict[str, str]:
        """Which attempt it is, as `FailureEvidence` names it."""
        placement = self.placement
        return {"step": self.step.id, "agent": placement.agent, "node": placement.node, "attempt": self.id}

    def _with(self, **changes: Any) -> "Attempt":
        """A copy with these changes; `dataclasses.replace` takes twice as long."""
        return Attempt(**dict(zip(_FIELDS, _values(self), strict=True)) | changes)

    def remaining_s(self, now_s: float) -> float:
        """Expected seconds until it ends; 0 when it has finished, the whole duration while it waits for room."""
        if self.finished:
            return 0.0
        if self.started_s is None:
            return self.placement.duration_s
        return max(0.0, self.placement.duration_s - (now_s - self.started_s))

    def as_started(self, at_s: float) -> "Attempt":
        """The agent has begun."""
        return self._with(status=AttemptStatus.RUNNING, started_s=at_s)

    def as_finished(self, at_s: float, seconds: float, handoff: Handoff) -> "Attempt":
        """The agent has returned, or is known to have acted."""
        started_s = max(self.dispatched_s, at_s - seconds) if self.started_s is None else self.started_s
        return self._with(
            status=AttemptStatus.FINISHED,
            started_s=started_s,
            ended_s=at_s,
            seconds=seconds,
            handoff=handoff,
            failure=None,
            verifying=False,
        )

    def as_failed(self, at_s: float, seconds: float, failure: Failure) -> "Attempt":
        """The agent has failed. No plan can use work that failed before one confirmed it."""
        return self._with(
            status=AttemptStatus.FAILED,
            ended_s=at_s,
            seconds=seconds,
            failure=failure,
            verifying=False,
            verdict=self.verdict or Verdict.FLUSH,
        )

    def as_in_doubt(self, at_s: float, seconds: float, failure: Failure, *, verifying: bool) -> "Attempt":
        """The attempt was lost, or what it returned was, and its act may have happened."""
        return self._with(
            status=AttemptStatus.IN_DOUBT,
            ended_s=at_s,
            seconds=seconds,
            failure=failure,
            verifying=verifying,
        )

    def as_unverified(self) -> "Attempt":
        """The verify hook does not know either."""
        return self._with(verifying=False)

    def as_flushed(self, at_s: float, verdict: Verdict) -> "Attempt":
        """No plan uses it. If it was live it is cancelled; if it had finished it keeps its output."""
        if not self.live:
            return self._with(verdict=verdict)
        seconds = 0.0 if self.started_s is None else at_s - self.started_s
        return self._with(verdict=verdict, status=AttemptStatus.FLUSHED, seconds=seconds, ended_s=at_s)

    def as_held(self, *, held: bool) -> "Attempt":
        """Whether its staged output waits for a plan has changed."""
        return self._with(held=held)

    def as_kept(self) -> "Attempt":
        """Its output is read once more."""
        return self._with(verdict=Verdict.KEEP)

    def as_confirmed(self, at_s: float, epoch: int, step: Step, verdict: Verdict) -> "Attempt":
        """The optimal plan holds its work, perhaps at another place in the graph."""
        return self._with(
            step=step,
            epoch=epoch,
            speculative=False,
            verdict=verdict,
            confirmed_s=at_s if self.confirmed_s is None else self.confirmed_s,
        )


_FIELDS = tuple(one.name for one in fields(Attempt))
_values = attrgetter(*_FIELDS)


@dataclass(frozen=True, slots=True)
class Progress:
    """The attempts of a task and the moment (seconds from admission) at which they are looked at.

    ``current``: those that a plan may adopt, where that is known; any of them otherwise.
    """

    at_s: float = 0.0
    attempts: Mapping[AttemptId, Attempt] = field(default_factory=dict)
    current: Sequence[Attempt] | None = None

    def usable(self) -> list[Attempt]:
        """Attempts whose work a plan may adopt, in order of dispatch."""
        known = self.attempts.values() if self.current is None else self.current
        return [attempt for attempt in known if attempt.usable]
