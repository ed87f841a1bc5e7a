"""The latest lines of a process, in a file that it maps into memory: others can read them, also when it was killed.

Adding a line is a copy to memory and no call of the operating system. Readers tell the writer what has arrived. A file
has two regions, each a ring: lines that were kept, and the last of those that were dropped. A record is
``NUMBER ATTEMPT JSON`` and a line feed.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from planners.model import AttemptId

# Generation, bytes ever written, bytes that have arrived, bytes ever written to the second region, whether the attempt
# has ended, and the attempt.
_HEADER = struct.Struct("<QQQQQ400p")
_GENERATION, _WRITTEN, _RELEASED, _LAST_WRITTEN, _ENDED = range(0, 40, 8)
_NUMBER = struct.Struct("<Q")
_HEADER_BYTES = 512
KEPT_BYTES = 1 << 19
LAST_BYTES = 1 << 16


class Ring:
    """The writing side.

    With ``overwrite`` the oldest lines give way to new ones; otherwise a line that does not fit is refused.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        """Create the file. Raises OSError if that is not possible."""
        self._overwrite = overwrite
        self.keeps_last = not overwrite  # of lines that were dropped: not where attempts share the ring
        self._lock = Lock()
        self._generation = self._written = self._released = self._last_written = 0
        with path.open("wb+") as file:
            file.truncate(_HEADER_BYTES + KEPT_BYTES + LAST_BYTES)
            self._memory = mmap.mmap(file.fileno(), 0)

    def begin(self, attempt: AttemptId) -> None:
        """Forget everything: another attempt begins."""
        self._generation += 1
        self._written = self._released = self._last_written = 0
        _HEADER.pack_into(self._memory, 0, self._generation, 0, 0, 0, 0, attempt.encode())

    def end(self) -> None:
        """The attempt has ended and sends its lines itself; only if its process dies before that they are read here."""
        _NUMBER.pack_into(self._memory, _ENDED, 1)

    def append(self, record: bytes) -> int:
        """Add a line; returns where it ends. 0: it does not fit."""
        with self._lock:  # attempts of one process may share a ring
            end = self._written + len(record)
            if not self._overwrite and end - self._released > KEPT_BYTES and end - self.released() > KEPT_BYTES:
                return 0
            _copy(self._memory, _HEADER_BYTES, KEPT_BYTES, self._written, record)
            self._written = end
            _NUMBER.pack_into(self._memory, _WRITTEN, end)
            return end

    def released(self) -> int:
        """Where the lines begin that have not arrived yet; the reading side tells."""
        self._released = int(_NUMBER.unpack_from(self._memory, _RELEASED)[0])
        return self._released

    def keep_last(self, record: bytes) -> None:
        """Keep a line that was dropped, until others take its place. Only where `keeps_last`."""
        _copy(self._memory, _HEADER_BYTES + KEPT_BYTES, LAST_BYTES, self._last_written, record)
        self._last_written += len(record)
        _NUMBER.pack_into(self._memory, _LAST_WRITTEN, self._last_written)

    def clear_last(self) -> None:
        """Forget the lines that were dropped: others were kept after them."""
        if self._last_written:
            self._last_written = 0
            _NUMBER.pack_into(self._memory, _LAST_WRITTEN, 0)


@dataclass(frozen=True, slots=True)
class RingRecord:
    """One line in a ring. ``number``: within its attempt; in the second region: how many were dropped up to it."""

    number: int
    attempt: AttemptId
    line: str


@dataclass(frozen=True, slots=True)
class RingContent:
    """What was read. ``end``: where the next reading begins. ``generation`` changes with the attempt."""

    generation: int
    end: int
    kept: tuple[RingRecord, ...]
    last: tuple[RingRecord, ...]


class RingReader:
    """The reading side, in any process of the same host."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises OSError or ValueError if it is gone or not complete yet."""
        with path.open("rb+") as file:
            self._memory = mmap.mmap(file.fileno(), 0)

    @property
    def generation(self) -> int:
        """Changes with the attempt."""
        return int(_NUMBER.unpack_from(self._memory, _GENERATION)[0])

    @property
    def attempt(self) -> AttemptId:
        """Whose lines these are; empty for a ring that attempts share."""
        return AttemptId(_HEADER.unpack_from(self._memory, 0)[5].decode())

    @property
    def ended(self) -> bool:
        """Whether the attempt sends its lines itself."""
        return bool(_NUMBER.unpack_from(self._memory, _ENDED)[0])

    def read(self, after: int = 0, *, last: bool = False) -> RingContent:
        """The lines behind a position; with ``last`` also those that were dropped last."""
        generation, written, released, last_written, *_ = _HEADER.unpack_from(self._memory, 0)
        begin = max(after, released, written - KEPT_BYTES)
        kept = _records(self._part(_HEADER_BYTES, KEPT_BYTES, begin, written), whole=begin in (0, after, released))
        dropped: tuple[RingRecord, ...] = ()
        if last and last_written:
            first = max(0, last_written - LAST_BYTES)
            dropped = _records(self._part(_HEADER_BYTES + KEPT_BYTES, LAST_BYTES, first, last_written), whole=not first)
        if generation != self.generation:  # the attempt ended meanwhile, and has sent everything itself
            return RingContent(self.generation, 0, (), ())
        return RingContent(generation, written, kept, dropped)

    def release(self, generation: int, end: int) -> None:
        """The lines up to here have arrived, so their room is free."""
        if generation == self.generation:
            _NUMBER.pack_into(self._memory, _RELEASED, end)

    def close(self) -> None:
        """Close the file."""
        self._memory.close()

    def _part(self, offset: int, size: int, begin: int, end: int) -> bytes:
        if end <= begin:
            return b""
        first, last = begin % size, (end - 1) % size + 1
        if first < last and end - begin <= size:
            return self._memory[offset + first : offset + last]
        return self._memory[offset + first : offset + size] + self._memory[offset : offset + last]


def _copy(memory: Any, offset: int, size: int, written: int, record: bytes) -> None:
    at = written % size
    if at + len(record) <= size:  # almost always
        memory[offset + at : offset + at + len(record)] = record
        return
    record = record[-size:]
    head = record[: size - at]
    memory[offset + at : offset + at + len(head)] = head
    if len(head) < len(record):
        memory[offset : offset + len(record) - len(head)] = record[len(head) :]


def _records(data: bytes, *, whole: bool) -> tuple[RingRecord, ...]:
    """The records in a region. Not ``whole``: the first one may be cut."""
    lines = data.split(b"\n")
    return tuple(_parsed(lines[0 if whole else 1 : -1]))


def _parsed(lines: list[bytes]) -> Iterator[RingRecord]:
    for line in lines:
        number, _, rest = line.partition(b" ")
        attempt, _, text = rest.partition(b" ")
        if number.isdigit() and text.startswith(b"[") and text.endswith(b"]"):  # else it was overwritten while read
            yield RingRecord(int(number), AttemptId(attempt.decode()), text.decode())
