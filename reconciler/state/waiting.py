"""Why a step waits: one look-up for the task's view, the timeline and the command line."""

from enum import StrEnum
from typing import assert_never

from planners.model import AgentName, AttemptId, Model, NodeId, StepId
from reconciler.state.run_data import RunData
from reconciler.state.step_state import StepState, StepStatus


class WaitKind(StrEnum):
    """What a step waits for."""

    PLAN = "plan"
    PARENTS = "parents"
    LIST = "list"
    ROOM = "room"
    RETRY = "retry"
    NEW_PLAN = "new_plan"
    VERIFICATION = "verification"
    RESOLUTION = "resolution"


class WaitReason(Model):
    """What a step waits for, with the details of its kind.

    Attributes:
        step: the step, or the block that is not unrolled yet.
        kind: what it waits for.
        since_s: since when, seconds from admission.
        message: the same in one sentence.
        parents: those that have not finished (parents), or the step that makes the list (list).
        retry_at_s: when it is tried again (retry).
        node: where it waits for room, or the lost node that blocks it.
        agent: the failed agent that blocks it, or the one that may have acted.
        attempt: the one that waits for room, or that is in doubt.
        epoch: of the plan that it waits for (plan, new plan).
    """

    step: StepId
    kind: WaitKind
    since_s: float
    message: str
    parents: tuple[StepId, ...] = ()
    retry_at_s: float | None = None
    node: NodeId | None = None
    agent: AgentName | None = None
    attempt: AttemptId | None = None
    epoch: int | None = None


def wait_reason(run: RunData, step: StepId) -> WaitReason | None:
    """Why a step has not finished and does not run; None where it has, does, or is unknown."""
    state = run.steps.get(step)
    if state is not None:
        return None if run.status.ended and state.status is not StepStatus.IN_DOUBT else _of_state(run, state)
    if run.plan is not None and (pending := run.plan.pending_by_id.get(step)) is not None:
        after = " and ".join(f"'{awaited}'" for awaited in pending.awaited) or "the block before it"
        message = f"it is unrolled once {after} {'have' if len(pending.awaited) > 1 else 'has'} finished"
        kind = WaitKind.LIST
        return WaitReason(step=step, kind=kind, since_s=run.at_s, message=message, parents=pending.awaited)
    if run.replanning and not run.status.ended:
        epoch = run.requests.requested
        message = f"the plan of epoch {epoch} is being made"
        return WaitReason(step=step, kind=WaitKind.PLAN, since_s=run.at_s, message=message, epoch=epoch)
    return None


def _of_state(run: RunData, state: StepState) -> WaitReason | None:
    match state.status:
        case StepStatus.WAITING | StepStatus.READY:
            return _of_parents(run, state)
        case StepStatus.DISPATCHED:
            return _of_room(run, state)
        case StepStatus.RETRYING:
            message = f"{state.cause}; it is tried again at {state.retry_at_s:.3f} s"
            return WaitReason(
                step=state.step, kind=WaitKind.RETRY, since_s=state.at_s, message=message, retry_at_s=state.retry_at_s
            )
        case StepStatus.BLOCKED:
            return _of_block(run, state)
        case StepStatus.IN_DOUBT:
            return _of_doubt(run, state)
        case StepStatus.RUNNING | StepStatus.FINISHED | StepStatus.FAILED | StepStatus.SKIPPED:
            return None
        case never:
            assert_never(never)


def _of_parents(run: RunData, state: StepState) -> WaitReason:
    assert run.plan is not None
    parents = run.plan.by_id[state.step].step.parents
    open_ = tuple(parent for parent in parents if not _finished(run, parent))
    message = "it waits for " + ", ".join(f"'{parent}'" for parent in open_)
    return WaitReason(step=state.step, kind=WaitKind.PARENTS, since_s=state.at_s, message=message, parents=open_)


def _of_room(run: RunData, state: StepState) -> WaitReason:
    assert state.attempt is not None
    placement = run.attempts[state.attempt].placement
    message = f"attempt {state.attempt} waits for room on {placement.node}"
    return WaitReason(
        step=state.step,
        kind=WaitKind.ROOM,
        since_s=state.at_s,
        message=message,
        node=placement.node,
        attempt=state.attempt,
    )


def _of_block(run: RunData, state: StepState) -> WaitReason:
    gone = f"node {state.node} was lost" if state.node is not None else f"agent '{state.agent}' failed for good"
    epoch = run.requests.requested
    message = f"{gone}; the plan of epoch {epoch} says where and by whom it is done"
    kind = WaitKind.NEW_PLAN
    return WaitReason(
        step=state.step, kind=kind, since_s=state.at_s, message=message, node=state.node, agent=state.agent, epoch=epoch
    )


def _of_doubt(run: RunData, state: StepState) -> WaitReason:
    assert state.attempt is not None
    attempt = run.attempts[state.attempt]
    agent = attempt.placement.agent
    if attempt.verifying:
        kind, then = WaitKind.VERIFICATION, "its verify hook is being asked"
    else:
        kind, then = WaitKind.RESOLUTION, "say whether it has acted"
    message = f"agent '{agent}' may have acted ({state.cause}); {then}"
    return WaitReason(step=state.step, kind=kind, since_s=state.at_s, message=message, agent=agent, attempt=attempt.id)


def _finished(run: RunData, step: StepId) -> bool:
    state = run.steps.get(step)
    return state is not None and state.status is StepStatus.FINISHED
