"""What an agent's handoff proposes: checked before the event is recorded, and planned once its attempt is confirmed.

A proposal is one more reason for a plan of authority. Until that plan has arrived, the step that proposed is blocked,
so nothing reads its output. What an unconfirmed attempt proposes waits until a plan confirms the attempt.
"""

from planners.errors import InvalidTask
from planners.model import AttemptId, StepId
from planners.proposal_check import Allowed, checked_proposal
from planners.tasks import Mode
from reconciler.state import events as e
from reconciler.state.attempts import Attempt
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run_data import RunData


def checked(run: RunData, event: e.Event) -> e.Event:
    """An event as it is to be recorded: with the checked proposal of a handoff, or a failure if that is refused.

    The outcome is part of the journal. A replay does not depend on the catalog of that day.
    """
    if not isinstance(event, e.AttemptFinished) or event.handoff.next is None:
        return event
    attempt = run.attempts.find(event.attempt)
    if attempt is None or not (attempt.live or attempt.in_doubt) or not run.agent_of(attempt).proposes:
        return event
    # In mode oracle, the given plan holds what was proposed; once the task is undone, nothing new is done.
    if run.task.planning.mode is Mode.ORACLE or run.undoing is not None:
        return event
    try:
        proposal = checked_proposal(event.handoff.next, attempt.step, run.catalog, _allowed(run, attempt))
    except InvalidTask as flaw:
        message = f"its proposal was refused: {flaw.field}: {flaw.message}"
        failure = Failure(kind=FailureKind.BAD_OUTPUT, message=message, fix=flaw.fix)
        return e.AttemptFailed(at_s=event.at_s, attempt=event.attempt, failure=failure, seconds=event.seconds)
    return event.model_copy(update={"handoff": event.handoff.model_copy(update={"proposal": proposal})})


def awaits_plan(run: RunData, step: StepId, attempt: Attempt) -> bool:
    """Whether a step that a finished attempt serves waits for a plan that holds what was proposed."""
    proposal = None if attempt.handoff is None else attempt.handoff.proposal
    return run.facts.proposed.take(step, attempt.work_key, proposal)


def will_be_replaced(run: RunData, step: StepId, attempt_id: AttemptId | None) -> bool:
    """Whether an attempt has proposed what no plan holds yet, so that a guess must not read its output."""
    handoff = None if attempt_id is None else run.attempts[attempt_id].handoff
    return handoff is not None and handoff.proposal is not None and run.facts.proposed.get(step) is None


def _allowed(run: RunData, attempt: Attempt) -> Allowed:
    """What is left of the task's limits."""
    limits = run.task.limits
    left = limits.model_copy(
        update={
            "budget_usd": None if limits.budget_usd is None else max(0.0, limits.budget_usd - run.spent_usd),
            "deadline_s": None if limits.deadline_s is None else max(1e-9, limits.deadline_s - run.at_s),
        }
    )
    proposed = run.facts.proposed
    return Allowed(
        left,
        run.task.objective,
        nodes=limits.proposed_steps - proposed.nodes,
        levels=limits.proposal_depth - proposed.depth(attempt.step.id),
    )
