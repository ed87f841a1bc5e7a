"""Sends what the attempts of one node print and log, in batches, while they run."""

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path

from actors.executor.captured import Captures
from actors.executor.worker_output import (
    WorkerOutputs,
    folder_of,
    host_ring,
    left_by_host,
    remove_files,
    remove_stale_folders,
)
from actors.logs.attempt_capture import AttemptCapture
from actors.logs.current import install, log_from_info
from planners.model import AttemptId
from reconciler.views.logs import LogBatch

# Lines are collected this long: a line that an attempt prints right before its end then travels with its result.
_BATCH_S = 0.25


class HostOutput:
    """The lines of a host's own attempts, and of the worker processes on its node.

    What was sent counts as arrived when the next batches are asked for. The lines of a host that dies before are in its
    ring, and those of a worker in the worker's ring.
    """

    def __init__(self, executor: str) -> None:
        """Prepare this process; without a disk, lines survive no crash and workers send theirs at their end."""
        self.ring_path: Path | None = None
        self._workers: WorkerOutputs | None = None
        self._fresh: dict[AttemptId, AttemptCapture] = {}
        self._sent: list[tuple[AttemptCapture, int]] = []
        ring = None
        try:
            remove_stale_folders()
            folder = folder_of(executor)
            ring, self.ring_path = host_ring(folder)
            self._workers = WorkerOutputs(folder)
        except OSError:
            pass
        self.captures = Captures(ring=ring, on_line=self._note)
        install()
        log_from_info()

    async def next(self) -> list[LogBatch]:
        """What was added since the last call, once there is something."""
        for capture, number in self._sent:
            capture.arrived(number)
        self._sent.clear()
        if self._workers is not None:
            self._workers.arrived()
        while True:
            await asyncio.sleep(_BATCH_S)
            if batches := self._collected():
                return batches

    def left_by(self, attempt: AttemptId, masked: Callable[[str], str] | None) -> Collection[LogBatch]:
        """What an attempt has left whose worker process is gone."""
        return () if self._workers is None else self._workers.left_by(attempt, masked)

    @staticmethod
    def left_by_host(path: str) -> Collection[LogBatch]:
        """What another host of this node has left."""
        found = left_by_host(Path(path))
        remove_files(Path(path).with_suffix(""))
        return found

    def _note(self, capture: AttemptCapture) -> None:
        self._fresh[capture.attempt] = capture

    def _collected(self) -> list[LogBatch]:
        batches = []
        for attempt in list(self._fresh):
            capture = self._fresh.pop(attempt)
            if not capture.closed and (batch := capture.batch()) is not None:
                self._sent.append((capture, batch.first + batch.length - 1))
                batches.append(batch)
        return batches + (self._workers.news() if self._workers is not None else [])
