"""What attempts print and log, as the API shows it, and the form in which lines travel and are stored."""

import json
from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import NamedTuple

from pydantic import Field

from planners.model import AttemptId, StepId, TaskId, Versioned


class LogLevel(StrEnum):
    """How severe a line is, least first. A line on stdout is `info`, one on stderr `warning`."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class LogStream(StrEnum):
    """Where a line comes from. `forerun`: a note of the service, such as how much was dropped.

    `progress`: what an agent has told of its progress. `artefact`: a result that it showed before its end.
    """

    STDOUT = "stdout"
    STDERR = "stderr"
    LOGGING = "logging"
    FORERUN = "forerun"
    PROGRESS = "progress"
    ARTEFACT = "artefact"


MAX_LINES = 5_000
_RANKS = {level: rank for rank, level in enumerate(LogLevel)}


class LogLine(Versioned):
    """One line of the log of an attempt."""

    seq: int = Field(ge=1, description="Counts from 1 within the task; the id of the server-sent event")
    task: TaskId = Field(description="The task's id")
    step: StepId = Field(description="The step's id")
    attempt: AttemptId = Field(description="The attempt's id")
    logged_at_s: float = Field(description="Seconds since the epoch")
    level: LogLevel = Field(description="How severe it is")
    stream: LogStream = Field(description="Where it comes from")
    logger: str = Field(
        default="", description="The name of the logger, for lines of the module `logging`, or of the artefact"
    )
    text: str = Field(description="The line")
    done: float | None = Field(
        default=None, description="The share that is done, 0 to 1, if a line of progress tells it"
    )


class LogPage(Versioned):
    """The next lines after a number, as many as a page holds."""

    lines: tuple[LogLine, ...] = Field(description="The lines")
    next_after: int = Field(description="`after` of the next page")
    ended: bool = Field(description="No line will follow these")


class LogQuery(Versioned):
    """Which lines of a task's log to read: those with all the given properties.

    ``step``: of this step, or of a step inside it. ``level``: at least this severe. ``after``: behind this number.
    ``limit``: at most so many, the first ones, or with ``tail`` the last ones.
    """

    step: StepId | None = None
    attempt: AttemptId | None = None
    level: LogLevel = LogLevel.DEBUG
    after: int = Field(default=0, ge=0)
    limit: int = Field(default=500, ge=1, le=MAX_LINES)
    tail: bool = False

    def holds(self, attempt: AttemptId, step: StepId) -> bool:
        """Whether lines of this attempt, which serves this step, are wanted."""
        within = self.step is None or step == self.step or step.startswith((f"{self.step}[", f"{self.step}/"))
        return within and self.attempt in (None, attempt)

    def holds_level(self, level: LogLevel) -> bool:
        """Whether lines of this level are wanted."""
        return _RANKS[level] >= _RANKS[self.level]


class CapturedLine(NamedTuple):
    """One line as the process of its attempt has captured it. ``at_s`` counts seconds since the epoch."""

    at_s: float
    level: LogLevel
    stream: LogStream
    logger: str
    text: str
    done: float | None = None


class LogBatch(NamedTuple):
    """Consecutive lines of one attempt. ``first`` is the number of the first one, counted from 1 within the attempt.

    ``text`` is their JSON, made by the process that captured them: nobody on the way to the reader parses it.
    """

    attempt: AttemptId
    first: int
    length: int
    text: str

    def lines(self) -> list[CapturedLine]:
        """The lines."""
        return list(lines_in(self.text))

    def after(self, number: int) -> "LogBatch | None":
        """The part that follows the line of this number; None if there is none."""
        skipped = number + 1 - self.first
        if skipped <= 0:
            return self
        return None if skipped >= self.length else batch_of(self.attempt, number + 1, self.lines()[skipped:])


def batch_of(attempt: AttemptId, first: int, lines: Collection[CapturedLine]) -> LogBatch:
    """The batch of these lines."""
    return LogBatch(attempt, first, len(lines), json.dumps(lines, separators=(",", ":")))


def lines_in(text: str) -> Iterator[CapturedLine]:
    """The lines in the text of a batch."""
    for at_s, level, stream, logger, words, *done in json.loads(text):
        yield CapturedLine(at_s, LogLevel(level), LogStream(stream), logger, words, *done)
