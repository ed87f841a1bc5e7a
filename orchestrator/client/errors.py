"""What the client raises: the service's problem document as a typed error, or its silence."""

from typing import Self

import httpx
from pydantic import ValidationError

from orchestrator.errors import ServiceError
from orchestrator.problems import ProblemDetails, plain


class Unreachable(ServiceError):
    """The service does not answer."""

    @classmethod
    def at(cls, url: str, error: Exception) -> Self:
        """For a URL and what the connection said."""
        why = str(error) or type(error).__name__
        return cls(f"the service at {url} cannot be reached: {why}", "", "start it with `forerun up`, or give --url")


class Refused(ServiceError):
    """The service said no; ``problem`` is its document."""

    def __init__(self, problem: ProblemDetails) -> None:
        super().__init__(problem.detail or problem.title, problem.field, problem.fix)
        self.args = (problem,)
        self.problem = problem


class BadRequest(Refused):
    """The request cannot be served as it is: field and fix say why."""


class NotFound(Refused):
    """There is no such thing."""


class Conflict(Refused):
    """It contradicts what was done before, or comes too early."""


class Busy(Refused):
    """Too much is waiting, or a part of the service is away: try again after ``retry_after_s``."""

    def __init__(self, problem: ProblemDetails, retry_after_s: float = 1.0) -> None:
        super().__init__(problem)
        self.args = (problem, retry_after_s)
        self.retry_after_s = retry_after_s


class NotOurs(ServiceError):
    """Something answers at this address, and it is no Forerun, or one of another release."""

    @classmethod
    def at(cls, url: str, path: str) -> Self:
        """For a URL and what was asked."""
        return cls(f"what answers at {url} does not know {path} as this client does", "", "give the --url of a Forerun")


class ServiceFailed(Refused):
    """The service failed on this request."""


_KINDS: dict[int, type[Refused]] = {404: NotFound, 409: Conflict}
_BUSY = frozenset({429, 503})


def refusal(response: httpx.Response) -> Refused:
    """The error that an error response stands for."""
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
        # Not ours: a proxy in between, or another service at this address.
        return plain(response.status_code, response.text[:200], response.url.path)
