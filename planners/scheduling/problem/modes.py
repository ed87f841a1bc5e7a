"""Execution modes: the ways to execute a step, and what each of them needs."""

from operator import le
from typing import NamedTuple

from planners.agents import AgentSpec


class LimitUse(NamedTuple):
    """What one call takes of a shared limit: ``amount`` for ``hold`` quanta from its start; None: while it runs."""

    limit: int
    amount: int
    hold: int | None


class ExecutionMode(NamedTuple):
    """One way to execute a step: an agent on any node of a group.

    ``lag`` is the longest transfer time of the output to another node, ``lags`` the one to another node of each group
    if links differ. ``in_flight`` modes continue a running or finished
    attempt: they start at 0, whatever their parents do. ``requires`` holds (step, modes of it) pairs: an attempt in
    flight is the same work only if these steps have one of these modes; other modes require nothing.
    """

    agent: AgentSpec
    group: int
    duration: int
    usd: float
    lag: int
    demand: int
    amounts: tuple[int, ...]
    uses: tuple[LimitUse, ...] = ()
    in_flight: bool = False
    requires: tuple[tuple[int, frozenset[int]], ...] = ()
    lags: tuple[int, ...] = ()

    def lag_to(self, group: int) -> int:
        """The transfer time of the output to another node of this group."""
        return self.lags[group] if self.lags else self.lag

    def needs_no_more_than(self, other: "ExecutionMode") -> bool:
        """Whether this mode can start wherever and whenever the other can, provided it takes no longer."""
        return (
            self.group == other.group
            and self.lag <= other.lag
            and (self.lags == other.lags or all(map(le, self.lags, other.lags)))
            and (not self.uses or self.uses == other.uses)
            and (self.amounts == other.amounts or all(map(le, self.amounts, other.amounts)))
        )
