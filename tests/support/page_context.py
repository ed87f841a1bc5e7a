"""What the steps of a made-up run share: a context, messages, and the chances of a route."""

from page_server import PageServer

from planners.model import AttemptId, StepId, TaskId
from planners.speculative.plan_advice import PlanAdvice
from planners.speculative.route_chances import BranchChance, RouteChances
from reconciler.views.context import ContextVersion, ContextView
from reconciler.views.models import MessageNote

EVIL_VALUE = "<img src=x onerror=alert(1)>"
_ROUTE = RouteChances(
    route=StepId("answer"),
    known_from="learned",
    branches=(
        BranchChance(branch='$steps.compare.label == "clear"', probability=0.9),
        BranchChance(branch="else", probability=0.1),
    ),
)

_CHEAPER = {"step": "compare", "agent": "writer-large", "instead": "writer-small", "saves_usd": 0.0198}
_ADVICE = PlanAdvice.model_validate(
    {"cheaper": [_CHEAPER], "hints": ["'draft' is after 'compare' and reads nothing of it"]}
)


def _version(key: str, number: int, value: object, **more: object) -> ContextVersion:
    step = StepId("compare")
    return ContextVersion.model_validate(
        {"key": key, "version": number, "step": step, "attempt": "compare#1", "at_s": 2.5, "value": value, **more}
    )


def _message(number: int, at_s: float | None, **more: str) -> MessageNote:
    step, attempt = StepId("draft"), AttemptId("draft#1")
    return MessageNote.model_validate(
        {"id": f"draft/{number}", "step": step, "attempt": attempt, "topic": "", "size_bytes": 1_200, "at_s": at_s}
        | more
    )


def shared(server: PageServer, task: TaskId) -> None:
    """Let the steps of a task have shared something."""
    stored = server.gateway._find(task)
    stored.context = ContextView(
        task=task,
        versions=(
            _version("facts", 1, {"text": EVIL_VALUE, "more": "x" * 5_000}),
            _version("facts", 2, ["shorter"], staged=True),
            _version("archive", 1, None, in_output=True),
        ),
        messages=(_message(1, 3.0, topic="drafts"), _message(2, None, reply_to="critic/1")),
    )
    stored.routes = (_ROUTE,)
    stored.advice = _ADVICE
