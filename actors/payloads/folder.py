"""Large outputs in a folder that all nodes reach: a file system, or an object store by its URL."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import fsspec

from actors.errors import OutputGone
from actors.payloads.store import StoredOutput
from planners.model import AttemptId, TaskId

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PayloadFolder:
    """One file for each output, in a folder for each task: they survive lost nodes and restarts of the service.

    Nothing is removed while its task is in the journal: `remove_of_deleted_tasks` does that. ``url``: any that fsspec
    knows, such as ``file:///shared/outputs`` or ``s3://bucket/outputs``.
    """

    url: str
    blocks: ClassVar[bool] = True

    def keep(self, task: TaskId, attempt: AttemptId, body: bytes) -> StoredOutput | bytes:
        """Write an output. If that fails it is returned, so that it goes with its node, and the log says why."""
        try:
            files, folder = _files(self.url)
            files.makedirs(f"{folder}/{task}", exist_ok=True)
            path = self._path(folder, task, attempt)
            with files.open(f"{path}.new", "wb") as file:
                file.write(body)
            files.mv(f"{path}.new", path)  # a reader finds the whole of it, or nothing
        except Exception as error:  # noqa: BLE001 - whatever a file system raises, the attempt has succeeded
            _log.warning("the output of attempt %s is not in %s: %s", attempt, self.url, error)
            return body
        return StoredOutput(task, attempt)

    def read(self, kept: StoredOutput | bytes) -> bytes:
        """Read an output.

        Raises:
            OutputGone: it is not there.
        """
        if isinstance(kept, bytes):
            return kept
        try:
            files, folder = _files(self.url)
            found: bytes = files.cat_file(self._path(folder, kept.task, kept.attempt))
        except Exception as error:  # whatever a file system raises
            message = f"the output of attempt '{kept.attempt}' cannot be read from {self.url}: {error}"
            raise OutputGone(message, "inputs", "run that step again") from error
        return found

    def drop(self, kept: Any) -> None:
        """Files stay until their task is deleted."""

    def remove_of_deleted_tasks(self, exists: Callable[[TaskId], bool]) -> int:
        """Remove the outputs of tasks that do not exist any more; returns of how many."""
        files, folder = _files(self.url)
        if not files.isdir(folder):
            return 0
        tasks = [TaskId(path.rstrip("/").rpartition("/")[2]) for path in files.ls(folder, detail=False)]
        gone = [task for task in tasks if not exists(task)]
        for task in gone:
            files.rm(f"{folder}/{task}", recursive=True)
        return len(gone)

    @staticmethod
    def _path(folder: str, task: TaskId, attempt: AttemptId) -> str:
        return f"{folder}/{task}/{attempt.removeprefix(f'{task}.')}.json"


@cache
def _files(url: str) -> tuple[Any, str]:
    files, folder = fsspec.core.url_to_fs(url)
    return files, folder.rstrip("/")
