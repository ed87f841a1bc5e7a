"""What can go wrong between a run and those who ask for it. Failures of steps are data, not these."""

from planners.errors import ForerunError


class RunError(ForerunError):
    """Something about a run went wrong."""


class UnknownTask(RunError):
    """There is no such task."""


class UnknownStep(RunError):
    """The task has no such step."""


class OutputNotReady(RunError):
    """The step has not finished, so it has no output yet."""


class IdempotencyConflict(RunError):
    """The idempotency key was used before with another task."""


class Overloaded(RunError):
    """More work is waiting than the service takes on; nothing was changed. Try again after ``retry_after_s``."""

    def __init__(self, message: str, field: str = "", fix: str = "", retry_after_s: float = 1.0) -> None:
        super().__init__(message, field, fix)
        self.args = (message, field, fix, retry_after_s)
        self.retry_after_s = retry_after_s


class ShuttingDown(RunError):
    """The service is about to end and takes nothing on any more; nothing was changed."""

    retry_after_s = 5.0
