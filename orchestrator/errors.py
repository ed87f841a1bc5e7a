"""Errors of the service's edge."""

from collections.abc import Sequence

from planners.errors import ForerunError, InvalidTask


class ServiceError(ForerunError):
    """Something about the service itself went wrong."""


class InvalidSettings(ServiceError):
    """The settings cannot be used as they are."""


class CannotStart(ServiceError):
    """The service could not be started."""


class Unavailable(ServiceError):
    """A part of the service does not answer right now; nothing was changed."""

    retry_after_s = 2.0


class LearnerOff(ServiceError):
    """The service was started without a learner."""

    def __init__(
        self,
        message: str = "nothing is learned here: the learner is switched off",
        field: str = "learner.enabled",
        fix: str = "start the service with learner.enabled: true",
    ) -> None:
        super().__init__(message, field, fix)


class InvalidRequest(ServiceError):
    """A request that cannot be served, with everything that is wrong with it in ``errors``; the first one speaks."""

    def __init__(self, errors: Sequence[InvalidTask]) -> None:
        first = errors[0]
        super().__init__(first.message, first.field, first.fix)
        self.args = (tuple(errors),)
        self.errors = tuple(errors)
