"""Errors of requests about runs. A step that fails raises nothing: its failure is data."""

from planners.errors import ForerunError


class RunError(ForerunError):
    """The base of all errors about runs."""


class UnknownTask(RunError):
    """There is no such task."""


class UnknownStep(RunError):
    """The task has no such step."""


class OutputNotReady(RunError):
    """The step has not finished, so it has no output yet."""


class IdempotencyConflict(RunError):
    """The idempotency key was used before with another task."""


class InvalidDatabase(RunError):
    """The journal cannot be in this database, or not with this driver."""


class JournalTooNew(RunError):
    """A newer version has written the journal, so this one cannot read it."""


class InvalidArchive(RunError):
    """An export of tasks cannot be read; ``field`` names the line."""


class CannotBackUp(RunError):
    """The journal cannot be copied."""


class CannotRetry(RunError):
    """The task cannot be run again: it has not ended, or an act would be repeated."""


class NotInDoubt(RunError):
    """The step is not in doubt, so there is nothing to resolve."""


class NotAsked(RunError):
    """The step does not wait for an answer."""


class InvalidAnswer(RunError):
    """The answer cannot be what the step waits for."""


class InvalidLimits(RunError):
    """The limits of a task cannot be changed so."""


class Overloaded(RunError):
    """More work is waiting than the service accepts. Nothing was changed; try again after ``retry_after_s``."""

    def __init__(self, message: str, field: str = "", fix: str = "", retry_after_s: float = 1.0) -> None:
        super().__init__(message, field, fix)
        self.args = (message, field, fix, retry_after_s)
        self.retry_after_s = retry_after_s


class JournalUnavailable(RunError):
    """The journal's database does not answer, or cannot be written. Nothing was changed."""

    retry_after_s = 2.0


class Superseded(JournalUnavailable):
    """Another process has taken over the shard, so this one may record nothing more."""


class StartingUp(RunError):
    """The shard is starting and accepts nothing yet. Nothing was changed."""

    retry_after_s = 2.0


class ShuttingDown(RunError):
    """The service is shutting down and accepts nothing more. Nothing was changed."""

    retry_after_s = 5.0
