"""Errors of the service: settings, start-up, availability, invalid requests."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from planners.errors import ForerunError, InvalidTask


class ServiceError(ForerunError):
    """Base class of the service's errors."""


class InvalidSettings(ServiceError):
    """A setting is unknown or has an invalid value."""


class ExtraMissing(ServiceError):
    """Something needs a library that only an extra installs."""


class InvalidOption(ServiceError):
    """An option of the command line has an invalid value."""


class CannotStart(ServiceError):
    """The service could not be started."""


class InvalidReload(ServiceError):
    """The catalog of a reload is not valid, or changes what must not change while tasks run. Nothing was changed."""


class UnknownCatalog(ServiceError):
    """The planner does not know the catalog of a run; it is sent again."""


class RayLost(ServiceError):
    """A process of Ray that the service needs has died."""


class Unavailable(ServiceError):
    """A part of the service does not answer now; nothing was changed."""

    retry_after_s = 2.0


class Unauthenticated(ServiceError):
    """The request needs an API key, and sends none or one that is not valid."""

    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": "Bearer"}


class Forbidden(ServiceError):
    """The API key is valid, and its scope does not include the request."""


class LearnerOff(ServiceError):
    """The service runs without a learner."""

    def __init__(
        self,
        message: str = "the learner is switched off",
        field: str = "learner.enabled",
        fix: str = "start the service with learner.enabled: true",
    ) -> None:
        super().__init__(message, field, fix)


class InvalidRequest(ServiceError):
    """An invalid request. ``errors`` holds all errors; message, field and fix are those of the first one."""

    def __init__(self, errors: Sequence[InvalidTask]) -> None:
        first = errors[0]
        super().__init__(first.message, first.field, first.fix)
        self.args = (tuple(errors),)
        self.errors = tuple(errors)


class MalformedBody(ServiceError):
    """The body of a request is not JSON, or contains values that cannot be stored."""


class UnsupportedMediaType(ServiceError):
    """The body of a request is not declared as JSON."""
