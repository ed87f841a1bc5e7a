"""Sums over the attempts of a run, kept up to date event by event: a task's view costs the same at any size."""

from collections.abc import Iterable
from typing import NamedTuple

from planners.agents import Catalog
from planners.model import AttemptId
from reconciler.state.accounts import cost_usd
from reconciler.state.attempts import Attempt
from reconciler.state.outcomes import Verdict


class _Share(NamedTuple):
    """What one attempt adds."""

    seconds: float = 0.0
    wasted_s: float = 0.0
    usd: float = 0.0
    wasted_usd: float = 0.0


class AttemptTotals:
    """Agent-seconds and dollars of all attempts, and of those whose work no plan uses."""

    def __init__(self, catalog: Catalog, attempts: Iterable[Attempt] = ()) -> None:
        self._catalog = catalog
        self._shares: dict[AttemptId, _Share] = {}
        self._sums = [0.0] * len(_Share._fields)
        self.first_dispatch_s: float | None = None
        self.update(attempts)

    def update(self, changed: Iterable[Attempt]) -> None:
        """Count these attempts as they are now."""
        for attempt in changed:
            if self.first_dispatch_s is None or attempt.dispatched_s < self.first_dispatch_s:
                self.first_dispatch_s = attempt.dispatched_s
            share, former = self._share(attempt), self._shares.get(attempt.id, _NOTHING)
            if share != former:
                self._shares[attempt.id] = share
                self._sums = [total + new - old for total, new, old in zip(self._sums, share, former, strict=True)]

    @property
    def sums(self) -> tuple[float, float, float, float]:
        """Agent-seconds, wasted agent-seconds, dollars, wasted dollars."""
        seconds, wasted_s, usd, wasted_usd = (max(0.0, total) for total in self._sums)
        return seconds, wasted_s, usd, wasted_usd

    def _share(self, attempt: Attempt) -> _Share:
        usd = cost_usd(self._catalog.by_name[attempt.placement.agent], attempt)
        if attempt.verdict in (Verdict.FLUSH, Verdict.MIGRATE):
            return _Share(attempt.seconds, attempt.seconds, usd, usd)
        return _Share(attempt.seconds, 0.0, usd, 0.0)


_NOTHING = _Share()
