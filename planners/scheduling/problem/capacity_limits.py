"""Limits that calls share on all nodes: providers' limits and agents' concurrency.

A rate of r requests a second means: at most ceil(r) calls start within any ceil(r)/r seconds (a token bucket of that
size). A rate of t tokens a second means: calls that start within any W seconds use at most t*W tokens together, where
W = max(1, largest call / t), so that every single call fits.
"""

from collections.abc import Iterable
from itertools import pairwise
from math import ceil, floor

from planners.agents import AgentSpec, Catalog, Provider
from planners.cluster import Reservation
from planners.scheduling.problem.modes import LimitUse
from planners.scheduling.problem.problem import SharedLimit
from planners.scheduling.problem.resource_profile import ResourceProfile
from planners.scheduling.problem.time_scale import TimeScale

# The largest capacity: keeps CP-SAT's sums far below 2^63.
_LARGEST = 1 << 40
# 30 years: a longer window lets a call through once, as does this one.
_LONGEST_WINDOW_S = 1e9


def request_window(provider: Provider) -> tuple[int, float]:
    """(calls, seconds): how many calls may start within any such window. The provider has requests_per_s."""
    rate = provider.requests_per_s or 1.0
    return ceil(rate), min(ceil(rate) / rate, _LONGEST_WINDOW_S)


def token_window(provider: Provider, largest_call: float) -> tuple[int, float]:
    """(tokens, seconds): how many tokens calls may use within any such window. The provider has tokens_per_s."""
    rate = provider.tokens_per_s or 1.0
    seconds = min(max(1.0, largest_call / rate), _LONGEST_WINDOW_S)
    return max(floor(rate * seconds + 1e-9), ceil(largest_call)), seconds


class CapacityLimits:
    """The shared limits of the given agents, and what a call of each agent takes of them."""

    def __init__(
        self,
        agents: Iterable[AgentSpec],
        catalog: Catalog,
        reservations: Iterable[Reservation],
        time: TimeScale,
        others: Iterable[SharedLimit] = (),
    ) -> None:
        self._limits = list(others)  # the first of all
        self._uses: dict[str, list[LimitUse]] = {}
        self._time = time
        offered = list(agents)
        for agent in offered:
            if agent.concurrency is not None:
                self._add(f"concurrency of agent {agent.name}", agent.concurrency, None, [(agent, 1)])
        for provider in catalog.providers:
            users = [agent for agent in offered if agent.provider == provider.name]
            if users:
                self._add_provider(provider, users, [r for r in reservations if r.provider == provider.name])

    @property
    def all(self) -> tuple[SharedLimit, ...]:
        """Every limit, by index."""
        return tuple(self._limits)

    def uses(self, agent: AgentSpec) -> tuple[LimitUse, ...]:
        """What one call of the agent takes."""
        return tuple(self._uses.get(agent.name, ()))

    def _add_provider(self, provider: Provider, agents: list[AgentSpec], reservations: list[Reservation]) -> None:
        calls_each = [(agent, 1) for agent in agents]
        if provider.max_concurrent is not None:
            name = f"max_concurrent of provider {provider.name}"
            unit = self._add(name, provider.max_concurrent, None, calls_each)
            self._reserve(self._limits[-1], reservations, unit)
        if provider.requests_per_s is not None:
            calls, seconds = request_window(provider)
            self._add(f"requests_per_s of provider {provider.name}", calls, self._time.span(seconds), calls_each)
        if provider.tokens_per_s is not None:
            tokens, seconds = token_window(provider, max(agent.tokens_per_call for agent in agents))
            tokens_each = [(agent, ceil(agent.tokens_per_call)) for agent in agents if agent.tokens_per_call]
            self._add(f"tokens_per_s of provider {provider.name}", tokens, self._time.span(seconds), tokens_each)

    def _add(self, name: str, capacity: int, hold: int | None, calls: list[tuple[AgentSpec, int]]) -> int:
        """Add a limit; returns the unit that its amounts are counted in, 1 unless they are very large."""
        unit = max(1, -(-capacity // _LARGEST))
        capacity //= unit
        guard = 1 << (capacity + 1).bit_length()
        for agent, amount in calls:
            use = LimitUse(len(self._limits), min(capacity, -(-amount // unit)), hold)
            self._uses.setdefault(agent.name, []).append(use)
        self._limits.append(SharedLimit(name, capacity, ResourceProfile(capacity, guard)))
        return unit

    def _reserve(self, limit: SharedLimit, reservations: list[Reservation], unit: int) -> None:
        """Subtract the calls of others; if they exceed the capacity, nothing is left."""
        time = self._time
        spans = [(max(0, time.down(r.start_s)), time.up(r.end_s), r.calls) for r in reservations if r.end_s > 0]
        times = sorted({at for start, end, _ in spans for at in (start, end)})
        for at, until in pairwise(times):
            calls = sum(n for start, end, n in spans if start <= at and end >= until)
            limit.profile.reserve(at, until, min(-(-calls // unit), limit.capacity))
