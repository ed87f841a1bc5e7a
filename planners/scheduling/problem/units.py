"""Resource amounts as small integers, packed into one integer a node."""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, gcd

from planners.resources import Resources

ResourceShape = tuple[float, float, int, tuple[tuple[str, float], ...]]

# Ray keeps four decimals of CPUs, GPUs and custom resources.
_DECIMALS = 10_000
# The largest field of a packed amount: keeps CP-SAT's energies (amount x time) far below 2^63.
_LARGEST = 1 << 20


class ResourceShapes:
    """Named amounts and fitting nodes of resources, cached for all agents and nodes with equal resources."""

    def __init__(self, totals: Iterable[Resources]) -> None:
        self._amounts: dict[ResourceShape, dict[str, float]] = {}
        self._totals = {shape_of(total): total for total in totals}
        self._fitting: dict[ResourceShape, frozenset[ResourceShape]] = {}

    def amounts(self, resources: Resources) -> dict[str, float]:
        """Every non-zero amount by name."""
        shape = shape_of(resources)
        if shape not in self._amounts:
            self._amounts[shape] = resources.amounts()
        return self._amounts[shape]

    def fitting(self, need: Resources) -> frozenset[ResourceShape]:
        """The shapes of the nodes that are large enough."""
        shape = shape_of(need)
        if shape not in self._fitting:
            self._fitting[shape] = frozenset(other for other, total in self._totals.items() if need.fits(total))
        return self._fitting[shape]


def shape_of(resources: Resources) -> ResourceShape:
    """A hashable form of the amounts."""
    custom = tuple(resources.custom.items()) if resources.custom else ()
    return resources.cpus, resources.gpus, resources.memory_bytes, custom


class ResourceScale:
    """Convert named amounts to tuples of integers and to packed integers, over the dimensions that are demanded.

    The unit of a dimension is the greatest common divisor of all demands, so rounding capacities down to it loses
    nothing. Where the numbers would still be large the unit is coarser and demands round up, but never above the
    capacity of a node they fit on.
    """

    def __init__(self, demands: Iterable[Mapping[str, float]], capacities: Sequence[Mapping[str, float]]) -> None:
        by_name: dict[str, set[int]] = {}
        for demand in demands:
            for name, amount in demand.items():
                by_name.setdefault(name, set()).add(_base_units(name, amount))
        self.names = tuple(sorted(by_name))
        largest = {
            name: max((_base_units(name, amounts.get(name, 0.0)) for amounts in capacities), default=0)
            for name in self.names
        }
        self._unit = {name: max(gcd(*by_name[name]), ceil(largest[name] / _LARGEST), 1) for name in self.names}
        self._bits = {name: (largest[name] // self._unit[name] + 1).bit_length() + 1 for name in self.names}
        self.guard = self._guard()

    def capacity(self, amounts: Mapping[str, float]) -> tuple[int, ...]:
        """Capacities, rounded down."""
        return tuple(max(0, _base_units(name, amounts.get(name, 0.0))) // self._unit[name] for name in self.names)

    def demand(self, amounts: Mapping[str, float], capacity: tuple[int, ...]) -> tuple[int, ...]:
        """Demands, rounded up, on a node of this capacity that they fit on."""
        rounded_up = (-(-_base_units(name, amounts.get(name, 0.0)) // self._unit[name]) for name in self.names)
        return tuple(min(need, available) for need, available in zip(rounded_up, capacity, strict=True))

    def pack(self, amounts: tuple[int, ...]) -> int:
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


def unpack(packed: int, guard: int) -> list[int]:
    """All dimensions of a packed amount: the bits between the guards."""
    amounts: list[int] = []
    low = 0
    while guard:
        high = (guard & -guard).bit_length() - 1
        amounts.append((packed >> low) & ((1 << (high - low)) - 1))
        low = high + 1
        guard &= guard - 1
    return amounts


def _base_units(name: str, amount: float) -> int:
    """An amount in ten-thousandths; memory in bytes."""
    return round(amount) if name == "memory_bytes" else round(amount * _DECIMALS)
