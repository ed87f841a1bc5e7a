"""The service's own log: one file, to which every process of the service on this host appends.

The hosts of agents send their lines through their shard. A line carries the ids of the task, step and attempt it is
about, where they are known.
"""

import json
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Literal, Self, TextIO

from orchestrator.settings import Settings
from reconciler.log_context import current_log_ids, set_log_place

OWN_LOGGERS = ("actors", "learner", "orchestrator", "planners", "reconciler")
_IDS = ("node", "task", "step", "attempt")
# A larger file is renamed, and replaces the one that was renamed before.
MOST_BYTES = 50_000_000


@dataclass(frozen=True)
class ServiceLog:
    """Where and how to log. Travels to every process of the service."""

    file: Path
    form: Literal["text", "json"] = "text"
    level: str = "info"

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The log that the settings ask for."""
        return cls(settings.log_file, settings.logs.format, settings.logs.level)

    def install(self, process: str, stderr: TextIO | None = None) -> None:
        """Log to the file from now on: everything of Forerun from ``level`` on, and warnings of all other libraries.

        Args:
            process: which process of the service this is, such as ``shard-0``.
            stderr: warnings of Forerun also go there.

        Raises:
            OSError: the file cannot be written.
        """
        self.file.parent.mkdir(parents=True, exist_ok=True)
        handlers: list[logging.Handler] = [WatchedFileHandler(self.file, encoding="utf-8", errors="backslashreplace")]
        if stderr is not None:
            handlers.append(logging.StreamHandler(stderr))
            handlers[-1].setLevel(logging.WARNING)
            handlers[-1].addFilter(_is_ours)
        root = logging.getLogger()
        for handler in handlers:
            handler.addFilter(_Ids(process))
            handler.setFormatter(JsonLines() if self.form == "json" else TextLines())
        root.handlers[:] = handlers
        root.setLevel(logging.WARNING)  # a library that was imported before may have changed it
        for name in OWN_LOGGERS:
            logging.getLogger(name).setLevel(self.level.upper())
        set_log_place(str(self.file))

    def rotate(self) -> None:
        """Rename a file that has become large; all processes notice it. Only one process may do this."""
        with suppress(OSError):
            if self.file.stat().st_size > MOST_BYTES:
                self.file.replace(self.file.with_suffix(f"{self.file.suffix}.1"))


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in OWN_LOGGERS


class _Ids(logging.Filter):
    """Adds the process, and the ids of the work under way."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "process_name"):
            record.process_name = self._process
        for name, value in current_log_ids().items():
            if not hasattr(record, name):
                setattr(record, name, value)
        return True


class TextLines(logging.Formatter):
    """A line for people: time, level, process, logger, message, ids."""

    def format(self, record: logging.LogRecord) -> str:
        """One record; a traceback follows on lines of its own."""
        ids = " ".join(f"{name}={value}" for name, value in _ids_of(record).items())
        process = getattr(record, "process_name", "")
        line = f"{_time(record)} {record.levelname:<7} {process} {record.name}: {record.getMessage()}"
        parts = [f"{line} [{ids}]" if ids else line, _exception(self, record)]
        return "\n".join(part for part in parts if part)


class JsonLines(logging.Formatter):
    """A JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        fields = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "process": getattr(record, "process_name", ""),
            "pid": os.getpid(),
            "logger": record.name,
            "message": record.getMessage(),
            **_ids_of(record),
        }
        if exception := _exception(self, record):
            fields["exception"] = exception
        return json.dumps(fields, ensure_ascii=False)


def _ids_of(record: logging.LogRecord) -> dict[str, str]:
    return {name: str(value) for name in _IDS if (value := getattr(record, name, None)) is not None}


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info and record.exc_info[0] is not None else ""
