"""Tasks of Forerun as tasks of A2A."""

from collections.abc import Iterable, Mapping

from a2a.types import Artifact, Message, Role, Task, TaskState, TaskStatus
from google.protobuf.timestamp_pb2 import Timestamp

from orchestrator.ingress.a2a.messages import artifacts_of, said
from reconciler.state.commands import RunStatus
from reconciler.state.waiting import WaitKind, WaitReason
from reconciler.views.limits import LimitQuestion
from reconciler.views.models import EncodedEvent, TaskView

# Labels of the tasks that come over A2A.
VIA, CONTEXT, MESSAGE, TEXT = "forerun/via", "a2a/context", "a2a/message", "a2a/text"
_LONGEST_TEXT = 500  # of a label
_ENDS: Mapping[RunStatus, int] = {
    RunStatus.SUCCEEDED: TaskState.TASK_STATE_COMPLETED,
    RunStatus.FAILED: TaskState.TASK_STATE_FAILED,
    RunStatus.CANCELLED: TaskState.TASK_STATE_CANCELED,
}
STATUS_OF: Mapping[int, RunStatus] = {state: status for status, state in _ENDS.items()}
TERMINAL = frozenset(_ENDS.values()) | {TaskState.TASK_STATE_REJECTED}


def labels_of(message: Message, context_id: str) -> dict[str, str]:
    """The labels of a task that a message asks for. Its text is kept for the task's history, abridged."""
    text = "\n".join(part.text for part in message.parts if part.HasField("text"))
    abridged = text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
    return {VIA: "a2a", CONTEXT: context_id, MESSAGE: message.message_id[:_LONGEST_TEXT], TEXT: abridged}


def context_of(view: TaskView) -> str:
    """The context of a task; one that did not come over A2A is a context of its own."""
    return view.labels.get(CONTEXT, view.id)


def question(view: TaskView) -> WaitReason | None:
    """What the task asks from outside, if it asks anything: the first approval or callback that waits."""
    return next((reason for reason in view.waiting if reason.kind is WaitKind.ANSWER), None)


def limits_asked(view: TaskView) -> tuple[LimitQuestion, ...]:
    """What the task asks about its limits."""
    return () if view.limits is None else view.limits.asked


def state_of(view: TaskView) -> int:
    """The state of A2A that a task is in. One in doubt asks for input, too: whether its act has happened."""
    if view.status in _ENDS:
        return _ENDS[view.status]
    if question(view) is not None or view.needs_resolution or limits_asked(view):
        return TaskState.TASK_STATE_INPUT_REQUIRED
    begun = view.first_dispatch_s is not None
    return TaskState.TASK_STATE_WORKING if begun else TaskState.TASK_STATE_SUBMITTED


def status_of(view: TaskView) -> TaskStatus:
    """State, since when, and a message that tells what is asked or why it failed."""
    state = state_of(view)
    text, since_s = _told(view)
    at = Timestamp()
    at.FromMilliseconds(round(1000 * (view.submitted_at_s + since_s)))
    message = said(text, f"{view.id}-{state}-{round(1000 * since_s)}", context_of(view), view.id) if text else None
    return TaskStatus(state=TaskState.Name(state), timestamp=at, message=message)


def task_of(view: TaskView, history: Iterable[Message] = (), *, artifacts: bool = True) -> Task:
    """The whole task."""
    made: list[Artifact] = artifacts_of(view.outputs or {}) if artifacts else []
    return Task(id=view.id, context_id=context_of(view), status=status_of(view), artifacts=made, history=list(history))


def history_of(view: TaskView, answers: Iterable[EncodedEvent]) -> list[Message]:
    """The messages that the task got: the one that asked for it, then the answers to its questions."""
    first = view.labels.get(MESSAGE)
    context_id = context_of(view)
    told = [] if first is None else [said(view.labels[TEXT], first, context_id, view.id, Role.ROLE_USER)]
    for event in answers:
        output = event.data.get("output")
        sent = output if isinstance(output, dict) else {}
        text = sent.get("text") or event.data.get("comment") or ""
        message_id = str(sent.get("message_id") or f"{view.id}-{event.seq}")
        told.append(said(str(text), message_id, context_id, view.id, Role.ROLE_USER))
    return told


def _told(view: TaskView) -> tuple[str, float]:
    """What is to be said about the status, and since when it holds, seconds from admission."""
    if view.status.ended:
        failure = "" if view.failure is None else view.failure.told
        return failure, view.ended_s or 0.0
    if (asked := question(view)) is not None:
        return asked.message, asked.since_s
    if view.needs_resolution:
        doubt = view.in_doubt[0]
        return f"step '{doubt.step}' is in doubt: {doubt.reason}; has its act happened?", doubt.since_s
    if asked_limits := limits_asked(view):
        told = "; ".join(one.message for one in asked_limits)
        return f"{told}; send data with a new {asked_limits[0].limit}, or with action: finish or fail", 0.0
    return "", view.first_dispatch_s or 0.0
