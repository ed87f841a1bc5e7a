"""The parameters of the passes that follow HEFT."""

from typing import NamedTuple


class Variation(NamedTuple):
    """What random passes draw from: prices of the cluster's time, and shares of the makespan to aim for.

    ``contended``: the cluster's time costs more while the best schedule uses most of it, and nothing when it is idle.
    """

    prices: tuple[float, ...]
    least_share: float
    most_share: float
    contended: bool = False


# Chosen as the passes below.
VARIATIONS = (
    Variation((0.0, 1.0, 4.0, 16.0), 0.85, 1.05),
    Variation((0.0, 1.0, 4.0, 16.0), 0.85, 1.05, contended=True),
)


class Pass(NamedTuple):
    """The parameters of one more HEFT.

    ``cluster_price`` is the price of the cluster's time (1: occupying all of it for a quantum costs as much as a
    quantum of delay). ``makespan_share`` is the makespan to aim for, relative to the best. ``spread_budget`` divides
    the budget among the steps. ``contended``: as for `Variation`. ``shares_capacities``: each group of nodes and each
    limit has a price of its own instead (`CapacityPrices`).
    """

    cluster_price: float
    makespan_share: float
    spread_budget: bool = False
    contended: bool = False
    shares_capacities: bool = False


# In this order, where only time counts, where dollars count, and where there is a budget. Chosen by their gain on
# recorded workflows, others than the benchmark's.
FOR_TIME = (Pass(0.5, 0.9), Pass(2.0, 0.95), Pass(4.0, 0.8))
FOR_DOLLARS = (Pass(0.0, 1.0), Pass(0.5, 1.2))
FOR_BUDGET = (Pass(1.0, 0.9, spread_budget=True), Pass(0.5, 0.9), Pass(2.0, 0.95))
# After those of a budget, where the longest path takes little of the makespan.
FOR_SCARCE_CAPACITY = (Pass(0.0, 0.9, shares_capacities=True),)
# The same for workflows of more steps where dollars count and nothing is limited: the first one replaces plain HEFT.
MANY_FOR_DOLLARS = (Pass(1.0, 1.05), Pass(0.0, 1.0))
