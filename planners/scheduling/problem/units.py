"""Amounts of resources as small whole numbers, packed into one integer a node."""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, gcd

from planners.resources import Resources

Shape = tuple[float, float, int, tuple[tuple[str, float], ...]]

# Ray keeps four decimals of CPUs, GPUs and custom resources.
_DECIMALS = 10_000
# A field of a packed amount: CP-SAT's energies (amount x time) stay far from 2^63.
_LARGEST = 1 << 20


def whole(name: str, amount: float) -> int:
    """An amount in ten-thousandths; bytes stay bytes."""
    return round(amount) if name == "memory_bytes" else round(amount * _DECIMALS)


class Shapes:
    """Amounts of resources and where they fit, looked up once for all agents and nodes that have the same."""

    def __init__(self, totals: Iterable[Resources]) -> None:
        self._amounts: dict[Shape, dict[str, float]] = {}
        self._rooms = {shape_of(total): total for total in totals}
        self._fitting: dict[Shape, frozenset[Shape]] = {}

    def amounts(self, resources: Resources) -> dict[str, float]:
        """Every amount that is not zero, by name."""
        shape = shape_of(resources)
        if shape not in self._amounts:
            self._amounts[shape] = resources.amounts()
        return self._amounts[shape]

    def fitting(self, need: Resources) -> frozenset[Shape]:
        """The shapes of the nodes that are large enough."""
        mine = shape_of(need)
        if mine not in self._fitting:
            self._fitting[mine] = frozenset(shape for shape, room in self._rooms.items() if need.fits(room))
        return self._fitting[mine]


def shape_of(resources: Resources) -> Shape:
    """What tells resources apart."""
    custom = tuple(resources.custom.items()) if resources.custom else ()
    return resources.cpus, resources.gpus, resources.memory_bytes, custom


class Scale:
    """Turns named amounts into tuples and packed integers, over the dimensions that somebody demands.

    The unit of a dimension is the greatest common divisor of all demands, so rounding capacities down to it loses
    nothing; where the numbers would still be large it is coarser, and demands round up (never above a whole node's
    capacity that they fit into).
    """

    def __init__(self, demands: Iterable[Mapping[str, float]], rooms: Sequence[Mapping[str, float]]) -> None:
        by_name: dict[str, set[int]] = {}
        for demand in demands:
            for name, amount in demand.items():
                by_name.setdefault(name, set()).add(whole(name, amount))
        self.names = tuple(sorted(by_name))
        largest = {name: max((whole(name, room.get(name, 0.0)) for room in rooms), default=0) for name in self.names}
        self._unit = {name: max(gcd(*by_name[name]), ceil(largest[name] / _LARGEST), 1) for name in self.names}
        self._bits = {name: (largest[name] // self._unit[name] + 1).bit_length() + 1 for name in self.names}
        self.guard = self._guard()

    def room(self, amounts: Mapping[str, float]) -> tuple[int, ...]:
        """Capacities, rounded down."""
        return tuple(max(0, whole(name, amounts.get(name, 0.0))) // self._unit[name] for name in self.names)

    def demand(self, amounts: Mapping[str, float], room: tuple[int, ...]) -> tuple[int, ...]:
        """Demands, rounded up, for a node of this room that they fit into."""
        up = (-(-whole(name, amounts.get(name, 0.0)) // self._unit[name]) for name in self.names)
        return tuple(min(need, there) for need, there in zip(up, room, strict=True))

    def packed(self, amounts: tuple[int, ...]) -> int:
        """All dimensions in one integer."""
        value = shift = 0
        for name, amount in zip(self.names, amounts, strict=True):
            value |= amount << shift
            shift += self._bits[name]
        return value

    def _guard(self) -> int:
        guard = shift = 0
        for name in self.names:
            shift += self._bits[name]
            guard |= 1 << (shift - 1)
        return guard


def fields(packed: int, guard: int) -> list[int]:
    """All dimensions of a packed amount: the bits between the guards."""
    found: list[int] = []
    low = 0
    while guard:
        high = (guard & -guard).bit_length() - 1
        found.append((packed >> low) & ((1 << (high - low)) - 1))
        low = high + 1
        guard &= guard - 1
    return found
