"""Where the worker processes of a node keep their lines, and how the host of the node reads them.

Each worker process has a ring and two files of raw output in a folder that all processes of one executor on one node
share. The host sends what it finds there; so lines arrive while an attempt runs, and after its process was killed.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from actors.executor.captured import Captures
from actors.logs.attempt_capture import LEVEL_OF_STREAM
from actors.logs.current import log_from_info
from actors.logs.raw_output import RawOutput, unread
from actors.logs.ring import Ring, RingContent, RingReader, RingRecord
from planners.model import AttemptId
from reconciler.views.logs import CapturedLine, LogBatch, LogLevel, LogStream, batch_of, lines_in

_PREFIX = "forerun-logs-"
_STALE_S = 600.0
_RING = ".ring"
# The number of the last lines of a dead process: behind all others.
_TAIL = 1 << 40


def folder_of(executor: str) -> Path:
    """The folder of an executor on this node. Raises OSError if it cannot be created."""
    folder = Path(tempfile.gettempdir()) / f"{_PREFIX}{executor}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@cache
def worker_captures(executor: str) -> Captures:
    """How this process captures its attempts, which it runs one at a time. Without a disk it keeps nothing there."""
    log_from_info()
    try:
        stem = folder_of(executor) / str(os.getpid())
        raw, ring = RawOutput(stem), Ring(stem.with_suffix(_RING), overwrite=False)
    except OSError:
        return Captures()
    return Captures(ring=ring, raw=raw)


@dataclass(eq=False, slots=True)
class _Worker:
    """A worker process, as its host sees it. ``sent``: up to where its lines were sent."""

    stem: Path
    ring: RingReader
    generation: int = 0
    sent: int = 0

    @property
    def lives(self) -> bool:
        """Whether the process is there."""
        try:
            os.kill(int(self.stem.name), 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


class WorkerOutputs:
    """Reads the rings of all worker processes of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._workers: dict[str, _Worker] = {}
        self._sent: list[tuple[_Worker, int, int]] = []

    def news(self) -> list[LogBatch]:
        """What was added since the last call."""
        self._look()
        batches: list[LogBatch] = []
        for name, worker in list(self._workers.items()):
            lives = worker.lives
            if worker.ring.generation != worker.generation:
                worker.generation, worker.sent = worker.ring.generation, 0
            found = worker.ring.read(worker.sent)
            if found.kept and not worker.ring.ended:
                worker.sent = found.end
                self._sent.append((worker, found.generation, found.end))
                batches += batches_of(found.kept)
            elif not lives and not any(sent[0] is worker for sent in self._sent):
                self._forget(name)
        return batches

    def arrived(self) -> None:
        """What `news` has returned so far has arrived."""
        for worker, generation, end in self._sent:
            worker.ring.release(generation, end)
        self._sent.clear()

    def left_by(self, attempt: AttemptId, masked: Callable[[str], str] | None) -> list[LogBatch]:
        """All lines of an attempt whose process is gone that have not arrived, the last ones included."""
        self._look()
        for worker in self._workers.values():
            if worker.ring.attempt == attempt:
                found = worker.ring.read(last=True)
                return _left(attempt, found, unread(worker.stem), masked)
        return []

    def _look(self) -> None:
        with suppress(OSError):
            for entry in os.scandir(self._folder):
                if entry.name.endswith(_RING) and entry.name not in self._workers:
                    path = Path(entry.path)
                    with suppress(OSError, ValueError):  # it is being created
                        self._workers[entry.name] = _Worker(path.with_suffix(""), RingReader(path))

    def _forget(self, name: str) -> None:
        worker = self._workers.pop(name)
        worker.ring.close()
        remove_files(worker.stem)


def host_ring(folder: Path) -> tuple[Ring, Path]:
    """The ring of a host, which its attempts share; after its death another host of the node reads it."""
    path = folder / f"{os.getpid()}.host"
    return Ring(path, overwrite=True), path


def left_by_host(path: Path) -> list[LogBatch]:
    """The latest lines of a host that is gone. Removes its ring."""
    with suppress(OSError, ValueError):
        reader = RingReader(path)
        records = sorted(reader.read().kept, key=lambda record: record.attempt)
        reader.close()
        path.unlink()
        return list(batches_of(records))
    return []


def batches_of(records: Iterable[RingRecord]) -> Iterator[LogBatch]:
    """The batches of records, each with consecutive lines of one attempt."""
    numbered = enumerate(records)
    for (attempt, _), run in groupby(numbered, key=lambda item: (item[1].attempt, item[1].number - item[0])):
        lines = [record for _, record in run]
        yield LogBatch(attempt, lines[0].number, len(lines), f"[{','.join(record.line for record in lines)}]")


def _left(
    attempt: AttemptId,
    found: RingContent,
    raw: Iterable[tuple[LogStream, str]],
    masked: Callable[[str], str] | None,
) -> list[LogBatch]:
    """The lines in a ring, a note on what was dropped, the last of that, and raw output that nobody has read."""
    now_s, last, note = time.time(), found.last, []
    if last and (dropped := last[0].number - 1):
        text = f"{dropped} lines were dropped here: more was printed than is kept (settings: logs)"
        note = [CapturedLine(now_s, LogLevel.WARNING, LogStream.FORERUN, "", text)]
    kept_last = list(lines_in(f"[{','.join(record.line for record in last)}]"))
    unmasked = (CapturedLine(now_s, LEVEL_OF_STREAM[stream], stream, "", line) for stream, line in raw)
    words = [line if masked is None else line._replace(text=masked(line.text)) for line in unmasked]
    tail = [*note, *kept_last, *words]
    return [*batches_of(found.kept), *([batch_of(attempt, _TAIL, tail)] if tail else [])]


def remove_files(stem: Path) -> None:
    """Remove the files of a process that is gone."""
    for path in stem.parent.glob(f"{stem.name}.*"):
        with suppress(OSError):
            path.unlink()


def remove_stale_folders() -> None:
    """Remove what executors have left that ended a while ago."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            files = list(folder.iterdir())
            newest = max((file.stat().st_mtime for file in (folder, *files)), default=0.0)
            if time.time() - newest > _STALE_S and not any(_lives(file) for file in files):
                for file in files:
                    file.unlink()
                folder.rmdir()


def _lives(file: Path) -> bool:
    try:
        os.kill(int(file.stem), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
