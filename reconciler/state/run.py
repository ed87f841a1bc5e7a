"""The run state machine: all policy of a run. Events in, commands out; no asyncio, no Ray, no clock, no I/O.

The same machine is driven by the Ray actor, by tests and the simulator in virtual time, and by replaying a journal.
Each event has its rule in a module beside this one: `planning` for plans and guesses, `reports` for attempts, nodes and
doubts, `advance` for what follows from any of them, `conclusion` for the end.
"""

from typing import ClassVar

from planners.built_in_names import CALLBACK
from planners.model import AttemptId, StepId
from reconciler.state import commands as c
from reconciler.state import delivery, limit_policy, planning, proposals, quorums, reports, waits
from reconciler.state import events as e
from reconciler.state.advance import advance
from reconciler.state.conclusion import end, with_whereabouts
from reconciler.state.giving_up import UNBEGUN
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.invariants import check
from reconciler.state.kept_work import keep
from reconciler.state.run_data import RunData
from reconciler.state.waiting import WaitContext, WaitReason, wait_reason

_OfAttempt = (
    e.AttemptStarted
    | e.AttemptFinished
    | e.AttemptFailed
    | e.AttemptVerified
    | e.DoubtResolved
    | e.StepAnswered
    | e.MessagePublished
    | e.HeartbeatReceived
)


class RunState(RunData):
    """One run. `handle` is the only way to change it; its attributes (see `RunData`) are to be read."""

    # Tests switch this on: `validate` then runs after every event.
    validates: ClassVar[bool] = False

    def handle(self, event: e.Event) -> list[c.Command]:
        """Take one event in; returns what is to be done about it, in order.

        After the end nothing is to be done; an answer about an attempt in doubt is still noted. One event reopens a run
        that has succeeded: what the task returns was lost before anybody received it.
        """
        if self.status.ended and not reports.reopened(self, event):
            self._note_answer(event)
            return []
        self.at_s = self.counts_s = max(self.at_s, event.at_s)
        self.commands = []
        self.attempts.changed = []
        self.steps.changed = []
        for speculation in self.speculations:
            speculation.seen = 0
        self._take(event)
        waits.end_due(self)
        advance(self)
        if self.validates:
            self.validate()
        return self.commands

    def checked(self, event: e.Event) -> e.Event:
        """The event as it is to be recorded and handled; see `reconciler.state.proposals`. Changes nothing."""
        return proposals.checked(self, event)

    def validate(self) -> None:
        """Check that the parts of the state agree with each other. Linear in steps and attempts; for tests.

        Raises:
            BrokenInvariant: they do not; the message names the step or attempt and tells its story.
        """
        check(self)

    def waiting(self, step: StepId, context: WaitContext | None = None) -> WaitReason | None:
        """Why a step has not finished and does not run; None where it has, does, or is unknown."""
        return wait_reason(self, step, context or WaitContext())

    def doubt_about(self, step: StepId) -> AttemptId | None:
        """The attempt in doubt of a step, if it has one."""
        return next((attempt.id for attempt in self.in_doubt if attempt.step.id == step), None)

    def asked_by(self, step: StepId) -> AttemptId | None:
        """The attempt of an approval or a callback that waits for an answer, if the step has one."""
        state = self.steps.get(step)
        attempt = None if state is None or state.attempt is None else self.attempts[state.attempt]
        return attempt.id if attempt is not None and attempt.live and self.asks_somebody(attempt) else None

    def awaits_message(self, step: StepId) -> bool:
        """Whether a callback of the plan has not begun to wait, so that a message for it is kept."""
        state, planned = self.steps.get(step), None if self.plan is None else self.plan.by_id.get(step)
        is_callback = planned is not None and planned.step.capability == CALLBACK
        return not self.ending and is_callback and state is not None and state.status in UNBEGUN

    def _note_answer(self, event: e.Event) -> None:
        attempt = self.attempts.find(event.attempt) if isinstance(event, _OfAttempt) else None
        if attempt is not None and attempt.in_doubt:
            reports.answered_after_the_end(self, attempt, event)

    def _take(self, event: e.Event) -> None:
        match event:
            case e.AttemptFinished() | e.AttemptStarted():  # most events
                self._take_report(event)
            case e.RunStarted(kept=kept, refused=refused):
                keep(self, kept)
                self.learn(one for one in refused if one.agent in self.catalog.by_name)
                planning.start(self)
            case e.SpeculativePlanReady():
                planning.take_guess(self, event)
            case e.OptimalPlanReady():
                planning.take_plan(self, event)
            case e.PlanningFailed(epoch=epoch, failure=failure):
                planning.planning_failed(self, epoch, failure)
            case e.NodeLost(node=node):
                reports.node_lost(self, node)
            case e.OutputsLost(attempts=attempts, reason=reason):
                failure = Failure(kind=FailureKind.WORKER_LOST, message=reason or "its output was lost", counts=False)
                reports.outputs_lost(self, attempts, failure)
            case e.CancelRequested() if self.undoing is not None:  # it ends already
                pass
            case e.CancelRequested(reason=reason):
                again = "submit the task again to start it anew"
                failure = Failure(kind=FailureKind.CANCELLED, message=reason or "cancelled", fix=again)
                end(self, c.RunStatus.CANCELLED, failure=with_whereabouts(self, failure))
            case e.QuorumEvaluated():
                quorums.evaluated(self, event)
            case e.TimePassed():  # `advance` sees what has become due
                pass
            case e.LimitsAnswered():
                limit_policy.answered(self, event)
            case e.AnsweredEarly():
                waits.answered_early(self, event)
            case _:
                self._take_report(event)

    def _take_report(self, event: _OfAttempt) -> None:
        attempt = self.attempts.find(event.attempt)
        if attempt is None:
            return
        match event:
            case e.AttemptStarted(at_s=at_s):
                reports.started(self, attempt, at_s)
            case e.AttemptFinished():
                reports.finished(self, attempt, event)
            case e.AttemptFailed():
                reports.failed(self, attempt, event)
            case e.AttemptVerified():
                reports.verified(self, attempt, event)
            case e.DoubtResolved():
                reports.resolved(self, attempt, event)
            case e.StepAnswered():
                waits.answered(self, attempt, event)
            case e.MessagePublished(message=message):
                delivery.published(self, attempt, message)
            case e.HeartbeatReceived():
                waits.heard(self, attempt)
