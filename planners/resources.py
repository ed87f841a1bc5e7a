"""Resources: the amounts that a node has or an agent needs."""

from collections.abc import Iterable

from pydantic import Field

from planners.model import Measured

# Names the containers that a node can run at a time: nothing that Ray counts, and 0 where no program runs containers.
CONTAINERS = "containers"
# Amounts that differ by less are equal (Ray itself keeps four decimals).
_TOLERANCE = 1e-6


class Resources(Measured):
    """CPUs and GPUs (may be fractions), memory in bytes, and custom amounts by name."""

    cpus: float = Field(default=0.0, ge=0, description="Number of CPUs")
    gpus: float = Field(default=0.0, ge=0, description="Number of GPUs")
    memory_bytes: int = Field(default=0, ge=0, description="Memory")
    custom: dict[str, float] = Field(default_factory=dict, description="Amounts of custom resources by name")

    def amounts(self) -> dict[str, float]:
        """Every non-zero amount by name; custom resources keep their own names."""
        named = {"cpus": self.cpus, "gpus": self.gpus, "memory_bytes": float(self.memory_bytes), **self.custom}
        return {name: amount for name, amount in named.items() if amount > 0}

    def fits(self, room: "Resources") -> bool:
        """Whether these amounts fit into ``room``."""
        return not self.lacking(room)

    def lacking(self, room: "Resources") -> dict[str, tuple[float, float]]:
        """Name -> (needed, available) of each amount that exceeds ``room``."""
        there = room.amounts()
        return {
            name: (need, there.get(name, 0.0))
            for name, need in self.amounts().items()
            if need > there.get(name, 0.0) + _TOLERANCE
        }

    def __add__(self, other: "Resources") -> "Resources":
        return _combined(self, other, 1.0)

    def __sub__(self, other: "Resources") -> "Resources":
        """What remains; amounts do not go below zero."""
        return _combined(self, other, -1.0)

    def times(self, count: int) -> "Resources":
        """These amounts, so many times."""
        return Resources(
            cpus=count * self.cpus,
            gpus=count * self.gpus,
            memory_bytes=count * self.memory_bytes,
            custom={name: count * amount for name, amount in self.custom.items()},
        )

    @classmethod
    def total(cls, parts: Iterable["Resources"]) -> "Resources":
        """The sum of all parts."""
        return sum(parts, start=cls())


def _combined(left: Resources, right: Resources, sign: float) -> Resources:
    custom = {
        name: max(0.0, left.custom.get(name, 0.0) + sign * right.custom.get(name, 0.0))
        for name in sorted(left.custom.keys() | right.custom.keys())
    }
    return Resources(
        cpus=max(0.0, left.cpus + sign * right.cpus),
        gpus=max(0.0, left.gpus + sign * right.gpus),
        memory_bytes=max(0, left.memory_bytes + int(sign) * right.memory_bytes),
        custom=custom,
    )
