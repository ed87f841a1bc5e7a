"""RFC 9457 problem documents: the format of every error response."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from learner.errors import CorruptVersion, LearnerError, UnknownVersion
from orchestrator.errors import (
    ExtraMissing,
    Forbidden,
    InvalidReload,
    InvalidRequest,
    LearnerOff,
    MalformedBody,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from planners.errors import DecomposeFailed, ForerunError, Infeasible, InvalidTask, NoLanguageModel, PlanningError
from reconciler.errors import (
    CannotRetry,
    IdempotencyConflict,
    InvalidAnswer,
    InvalidLimits,
    JournalUnavailable,
    NotAsked,
    NotInDoubt,
    OutputNotReady,
    Overloaded,
    ShuttingDown,
    StartingUp,
    UnknownStep,
    UnknownTask,
)

MEDIA_TYPE = "application/problem+json"

# HTTP status by error; the most specific class counts, and anything else is a 500.
STATUS: dict[type[ForerunError], HTTPStatus] = {
    MalformedBody: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    InvalidReload: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidRequest: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidTask: HTTPStatus.UNPROCESSABLE_ENTITY,
    Infeasible: HTTPStatus.UNPROCESSABLE_ENTITY,
    NoLanguageModel: HTTPStatus.UNPROCESSABLE_ENTITY,
    DecomposeFailed: HTTPStatus.BAD_GATEWAY,
    PlanningError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownTask: HTTPStatus.NOT_FOUND,
    UnknownStep: HTTPStatus.NOT_FOUND,
    OutputNotReady: HTTPStatus.CONFLICT,
    CannotRetry: HTTPStatus.CONFLICT,
    NotInDoubt: HTTPStatus.CONFLICT,
    NotAsked: HTTPStatus.CONFLICT,
    InvalidAnswer: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidLimits: HTTPStatus.UNPROCESSABLE_ENTITY,
    IdempotencyConflict: HTTPStatus.CONFLICT,
    UnknownVersion: HTTPStatus.NOT_FOUND,
    CorruptVersion: HTTPStatus.CONFLICT,
    LearnerError: HTTPStatus.CONFLICT,
    LearnerOff: HTTPStatus.CONFLICT,
    ExtraMissing: HTTPStatus.NOT_IMPLEMENTED,
    Overloaded: HTTPStatus.TOO_MANY_REQUESTS,
    JournalUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    StartingUp: HTTPStatus.SERVICE_UNAVAILABLE,
    ShuttingDown: HTTPStatus.SERVICE_UNAVAILABLE,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


class Flaw(BaseModel):
    """One error of a request: where it is, what it is, and how to fix it."""

    message: str = Field(description="What is wrong")
    field: str = Field(default="", description="Where")
    fix: str = Field(default="", description="What to do")


class ProblemDetails(BaseModel):
    """A problem document (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:forerun:problem:invalid-task",
                    "title": "Invalid task",
                    "status": 422,
                    "detail": "the steps wait for each other: a -> b -> a",
                    "instance": "/v1/tasks",
                    "field": "workflow.steps.a",
                    "fix": "remove one of these dependencies",
                    "errors": [],
                }
            ]
        }
    )

    type: str = Field(default="about:blank", description="A URN of the kind of problem")
    title: str = Field(description="The kind of problem in words")
    status: int = Field(description="The HTTP status")
    detail: str = Field(default="", description="What happened")
    instance: str = Field(default="", description="The path of the request")
    field: str = Field(default="", description="Where in the request, for the first error")
    fix: str = Field(default="", description="What to do about it")
    errors: list[Flaw] = Field(default_factory=list, description="All errors of the request")


def status_of(error: ForerunError) -> HTTPStatus:
    """The HTTP status of an error."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), HTTPStatus.INTERNAL_SERVER_ERROR)


def describe(error: ForerunError, instance: str = "") -> ProblemDetails:
    """The problem document of an error."""
    kind = InvalidTask if isinstance(error, InvalidRequest) else type(error)
    words = _words(kind.__name__)
    flaws = error.errors if isinstance(error, InvalidRequest) else ()
    return ProblemDetails(
        type=f"urn:forerun:problem:{'-'.join(words)}",
        title=" ".join(words).capitalize(),
        status=status_of(error),
        detail=error.message,
        instance=instance,
        field=error.field,
        fix=error.fix,
        errors=[Flaw(message=flaw.message, field=flaw.field, fix=flaw.fix) for flaw in flaws],
    )


def plain(status: int, detail: str, instance: str = "", fix: str = "", **more: Any) -> ProblemDetails:
    """A problem document for an HTTP status that no error of ours stands for."""
    known = status in HTTPStatus.__members__.values()  # a proxy may use statuses of its own
    title = HTTPStatus(status).phrase if known else f"Status {status}"
    return ProblemDetails(title=title, status=status, detail=detail, instance=instance, fix=fix, **more)


def _words(name: str) -> list[str]:
    """'UnknownTask' -> ['unknown', 'task']."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).split()
