"""Why a step waits: one look-up for the task's view, the timeline and the command line."""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, assert_never

from pydantic import Field

from planners.bindings import Value
from planners.model import AgentName, AttemptId, Model, NodeId, StepId
from reconciler.state.attempts import Attempt
from reconciler.state.commands import PlanReason
from reconciler.state.run_data import RunData
from reconciler.state.step_state import StepState, StepStatus

_MOST_NAMED = 5


class WaitKind(StrEnum):
    """What a step waits for."""

    PLAN = "plan"
    PARENTS = "parents"
    LIST = "list"
    LIMIT = "limit"
    FAN_OUT = "fan_out"
    TIMER = "timer"
    ANSWER = "answer"
    ROOM = "room"
    RETRY = "retry"
    NEW_PLAN = "new_plan"
    VERIFICATION = "verification"
    RESOLUTION = "resolution"
    TASK_LIMIT = "task_limit"


class DispatchWait(Model):
    """Why a dispatched attempt has not begun, as its executor knows it: for a limit, or for room on its node."""

    kind: WaitKind
    message: str


class WaitContext(NamedTuple):
    """What a run itself does not know about waiting.

    Attributes:
        now_s: seconds from admission; None: the moment of the last event.
        of_attempt: why a dispatched attempt has not begun; None where the executor does not know.
    """

    now_s: float | None = None
    of_attempt: Callable[[AttemptId], DispatchWait | None] = lambda _: None


_NO_CONTEXT = WaitContext()


class WaitReason(Model):
    """What a step waits for, with the details of its kind."""

    step: StepId = Field(description="The step, or the block that is not unrolled yet")
    kind: WaitKind = Field(
        description="What it waits for: the optimal plan, parents, the list that a block runs over, a limit of "
        "its agent or provider, an element of its fan-out to end, a timer, an answer, room on its "
        "node, the pause before a retry, a new plan, the agent's verify hook, a person, an answer about a limit of "
        "the task"
    )
    since_s: float = Field(description="Since when, seconds from admission")
    heard_s: float | None = Field(default=None, description="When the last heartbeat came (answer)")
    message: str = Field(description="The same in one sentence")
    parents: tuple[StepId, ...] = Field(
        default=(), description="Those that have not finished (parents), or the step that makes the list (list)"
    )
    retry_at_s: float | None = Field(default=None, description="When it is tried again (retry)")
    node: NodeId | None = Field(default=None, description="Where it waits for room, or the lost node that blocks it")
    agent: AgentName | None = Field(
        default=None,
        description="The one that it waits for, the failed one that blocks it, or the one that may have acted",
    )
    provider: str | None = Field(default=None, description="The provider of the agent, where it waits for a limit")
    attempt: AttemptId | None = Field(
        default=None, description="The one that waits for a limit or for room, or that is in doubt"
    )
    epoch: int | None = Field(default=None, description="Of the plan that it waits for (plan, new plan)")


def wait_reason(run: RunData, step: StepId, context: WaitContext = _NO_CONTEXT) -> WaitReason | None:
    """Why a step, or a block that is not unrolled yet, does not run; None if it does, has finished, or is unknown."""
    state = run.steps.get(step)
    if state is not None:
        if run.status.ended and state.status is not StepStatus.IN_DOUBT:
            return None
        if state.status is StepStatus.DISPATCHED and state.attempt is not None:
            return attempt_wait(run, run.attempts[state.attempt], state.at_s, context)
        return _of_state(run, state, run.at_s if context.now_s is None else context.now_s)
    if run.plan is not None and (pending := run.plan.pending_by_id.get(step)) is not None:
        message = f"after {' and '.join(pending.awaited) or 'the block before it'}, which it depends on"
        kind = WaitKind.LIST
        return WaitReason(step=step, kind=kind, since_s=run.at_s, message=message, parents=pending.awaited)
    if run.replanning and not run.status.ended:
        epoch = run.requests.requested
        message = "waiting for the optimal plan"
        return WaitReason(step=step, kind=WaitKind.PLAN, since_s=run.at_s, message=message, epoch=epoch)
    return None


def attempt_wait(run: RunData, attempt: Attempt, since_s: float, context: WaitContext = _NO_CONTEXT) -> WaitReason:
    """Why an attempt that was dispatched has not begun."""
    placement = attempt.placement
    wait = context.of_attempt(attempt.id) or DispatchWait(
        kind=WaitKind.ROOM, message=f"waiting for room on node {placement.node}"
    )
    return WaitReason(
        step=attempt.step.id,
        kind=wait.kind,
        since_s=since_s,
        message=wait.message,
        node=placement.node,
        agent=placement.agent,
        provider=run.agent_of(attempt).provider if wait.kind is WaitKind.LIMIT else None,
        attempt=attempt.id,
    )


def _of_state(run: RunData, state: StepState, now_s: float) -> WaitReason | None:
    match state.status:
        case StepStatus.WAITING | StepStatus.READY:
            return _of_parents(run, state)
        case StepStatus.RETRYING:
            left_s = max(0.0, (state.retry_at_s or 0.0) - now_s)
            message = f"retry in {left_s:.2g} s; {state.cause}"
            return WaitReason(
                step=state.step, kind=WaitKind.RETRY, since_s=state.at_s, message=message, retry_at_s=state.retry_at_s
            )
        case StepStatus.HELD if state.step in run.limits.replanned:
            message = "held: a plan within the raised limits is being made"
            return WaitReason(step=state.step, kind=WaitKind.NEW_PLAN, since_s=state.at_s, message=message)
        case StepStatus.HELD:
            kind = WaitKind.TASK_LIMIT if state.step in run.limits.held else WaitKind.FAN_OUT
            return WaitReason(step=state.step, kind=kind, since_s=state.at_s, message=f"held: {state.cause}")
        case StepStatus.BLOCKED:
            return _of_block(run, state)
        case StepStatus.IN_DOUBT:
            return _of_doubt(run, state)
        case StepStatus.RUNNING if (attempt := _waiting_attempt(run, state)) is not None:
            return _of_wait(run, state, attempt)
        case StepStatus.DISPATCHED | StepStatus.RUNNING | StepStatus.FINISHED | StepStatus.FAILED | StepStatus.SKIPPED:
            return None
        case never:
            assert_never(never)


def _waiting_attempt(run: RunData, state: StepState) -> Attempt | None:
    """The attempt of a step that the run itself plays."""
    attempt = None if state.attempt is None else run.attempts[state.attempt]
    return attempt if attempt is not None and run.agent_of(attempt).built_in else None


def _of_wait(run: RunData, state: StepState, attempt: Attempt) -> WaitReason:
    asks = run.asks_somebody(attempt)
    question = attempt.step.inputs.get("question")
    told = str(question.value) if isinstance(question, Value) else ""
    return WaitReason(
        step=state.step,
        kind=WaitKind.ANSWER if asks else WaitKind.TIMER,
        since_s=state.at_s,
        message=f"waiting for an answer: {told}" if asks else "waiting for time to pass",
        heard_s=run.waits.heard_s.get(attempt.id),
        agent=attempt.placement.agent,
        attempt=attempt.id,
    )


def _of_parents(run: RunData, state: StepState) -> WaitReason:
    assert run.plan is not None
    parents = run.steps.awaited.of.get(state.step, run.plan.by_id[state.step].step.parents)
    open_ = tuple(parent for parent in parents if not _finished(run, parent))
    more = f" and {len(open_) - _MOST_NAMED} more" if len(open_) > _MOST_NAMED else ""
    message = f"after {', '.join(open_[:_MOST_NAMED])}{more}"
    return WaitReason(step=state.step, kind=WaitKind.PARENTS, since_s=state.at_s, message=message, parents=open_)


def _of_block(run: RunData, state: StepState) -> WaitReason:
    if state.blocked_by is PlanReason.PROPOSED:
        why = "its agent proposed what to do next"
    elif state.blocked_by is PlanReason.SETTLED:
        last = run.tries.last(state.work_key)
        told = "" if last is None else f"it failed ({last[0].told}), and "
        why = f"{told}the plan may do without it" + ("" if last else " or change its inputs")
    else:
        why = f"node {state.node} was lost" if state.node is not None else f"agent '{state.agent}' failed for good"
    epoch = run.requests.requested
    message = f"waiting for a new plan: {why}"
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
