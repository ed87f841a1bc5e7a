"""Errors of the client: refusals with the service's problem document, and a service that does not answer."""

from typing import Self

import httpx
from pydantic import ValidationError

from orchestrator.errors import ServiceError
from orchestrator.problems import ProblemDetails, plain
from reconciler.state.handoff import Failure, FailureKind
from reconciler.views.failure_text import failure_lines
from reconciler.views.models import TaskView


class Unreachable(ServiceError):
    """The service does not answer."""

    @classmethod
    def at(cls, url: str, error: Exception) -> Self:
        """For a URL and the error of the connection."""
        if isinstance(error, httpx.ReadTimeout):
            return cls(f"the service at {url} did not answer in time", "", "try again; it may be busy")
        why = str(error) or type(error).__name__
        address = url.partition("://")[2] or url
        fix = "start it with `forerun up`, or give --url"
        if isinstance(error, httpx.UnsupportedProtocol):
            fix = f"give the URL as http://{address} (--url)"
        elif "SSL" in why:
            fix = f"Forerun does not encrypt connections: without a proxy in front of it, give http://{address} (--url)"
        return cls(f"the service at {url} cannot be reached: {why}", "", fix)


class Refused(ServiceError):
    """The service refused the request; ``problem`` is its problem document."""

    def __init__(self, problem: ProblemDetails) -> None:
        super().__init__(problem.detail or problem.title, problem.field, problem.fix)
        self.args = (problem,)
        self.problem = problem


class BadRequest(Refused):
    """The request is invalid; ``field`` and ``fix`` say why."""


class NotAllowed(Refused):
    """The API key is missing, not valid, or its scope does not include the request; ``fix`` says what to do."""


class NotFound(Refused):
    """There is no such task, step or version."""


class Conflict(Refused):
    """The request contradicts an earlier one, or comes too early."""


class Busy(Refused):
    """The queue is full, or a part of the service is away; try again after ``retry_after_s`` seconds."""

    def __init__(self, problem: ProblemDetails, retry_after_s: float = 1.0) -> None:
        super().__init__(problem)
        self.args = (problem, retry_after_s)
        self.retry_after_s = retry_after_s


class TaskFailed(ServiceError):
    """A task has failed, was cancelled, or is in doubt. ``view`` is the task, ``failure`` why it has no outputs."""

    def __init__(self, view: TaskView) -> None:
        self.view = view
        self.failure = view.failure or Failure(kind=FailureKind.ERROR, message=f"the task is {view.status.value}")
        super().__init__(f"task {view.id}: {self.failure.message}", "", self.failure.fix)
        self.args = (view,)

    def __str__(self) -> str:
        return f"task {self.view.id}: " + "\n".join(failure_lines(self.failure))


class NotOurs(ServiceError):
    """Something else answers at this address, or a Forerun of another release."""

    @classmethod
    def at(cls, url: str, path: str) -> Self:
        """For a URL and the path that was requested."""
        return cls(
            f"the server at {url} does not answer {path} as Forerun does", "", "give the --url of a Forerun service"
        )


class ServiceFailed(Refused):
    """The service failed while it handled the request."""


_KINDS: dict[int, type[Refused]] = {401: NotAllowed, 403: NotAllowed, 404: NotFound, 409: Conflict}
_BUSY = frozenset({429, 503})


def refusal(response: httpx.Response) -> Refused:
    """The typed error for an error response."""
    problem = _problem(response)
    if response.status_code in _BUSY:
        retry_after = response.headers.get("Retry-After", "")
        return Busy(problem, float(retry_after) if retry_after.isdecimal() else 1.0)
    kind = ServiceFailed if response.is_server_error else BadRequest
    return _KINDS.get(response.status_code, kind)(problem)


def _problem(response: httpx.Response) -> ProblemDetails:
    try:
        return ProblemDetails.model_validate_json(response.content)
    except ValidationError:
        # Not from Forerun: a proxy in between, or another service at this address.
        return plain(response.status_code, response.text[:200], response.url.path)
