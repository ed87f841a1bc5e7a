"""Sends what the attempts of one node print and log, in batches, while they run."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
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
from actors.logs.current import belongs_to_the_process, install, log_from_info
from actors.logs.limits import LogLimits
from actors.logs.raw_output import RawOutput
from planners.model import AttemptId
from reconciler.views.logs import LogBatch

# Lines are collected this long: a line that an attempt prints right before its end then travels with its result.
_BATCH_S = 0.25
_HOST_LIMITS = LogLimits(attempt_bytes=1 << 50, bytes_per_s=16_000, burst_bytes=64_000)


class HostOutput:
    """The lines of a host's own attempts, and of the worker processes on its node.

    What no attempt has printed, as far as that can be told, comes with an empty attempt: it is the host's own.

    What was sent counts as arrived when the next batches are asked for. The lines of a host that dies before are in its
    ring, and those of a worker in the worker's ring.
    """

    def __init__(self, executor: str, *, told_only: bool = False) -> None:
        """Prepare this process; without a disk, lines survive no crash and workers send theirs at their end.

        ``told_only``: leave what is printed and logged alone.
        """
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
        if not told_only:
            self._take_over()

    def _take_over(self) -> None:
        """Take what the process prints and logs from here on."""
        self._of_host = AttemptCapture(AttemptId(""), _HOST_LIMITS, on_line=self._note)
        install()
        log_from_info()
        belongs_to_the_process(self._of_host)
        if self.ring_path is not None:
            with suppress(OSError):  # descriptors that are written to without Python
                RawOutput(self.ring_path.with_suffix("")).begin(self._of_host)

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
