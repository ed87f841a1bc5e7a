"""Shards for the tests of their actor, importable by the workers of the test cluster."""

from dataclasses import dataclass
from pathlib import Path


class _Shard:
    """A shard without runs."""

    async def resume(self) -> int:
        return 0


@dataclass
class CountedBuild:
    """Builds a shard, and leaves a mark for each build."""

    marks: Path

    async def __call__(self, index: int) -> _Shard:
        with self.marks.open("a") as marks:
            marks.write(".")
        return _Shard()

    @property
    def made(self) -> int:
        return len(self.marks.read_text())
