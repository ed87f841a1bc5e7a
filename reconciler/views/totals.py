"""Sums over the attempts of a run, kept up to date event by event: a task's view costs the same at any size."""

from collections.abc import Iterable
from typing import NamedTuple

from planners.agents import Catalog
from planners.model import AttemptId
from reconciler.state.accounts import cost_usd
from reconciler.state.attempts import Attempt, AttemptStatus
from reconciler.state.outcomes import Verdict


class Sums(NamedTuple):
    """What one attempt adds, or the sums over all: agent-seconds, dollars, and the number of failed attempts."""

    agent_s: float = 0.0
    wasted_s: float = 0.0
    failed_s: float = 0.0
    usd: float = 0.0
    wasted_usd: float = 0.0
    failed: float = 0.0


class AttemptTotals:
    """Agent-seconds and dollars of all attempts, of those whose work no plan uses, and of failed ones.

    Pauses, approvals and callbacks take no agent-seconds, however long they wait.
    """

    def __init__(self, catalog: Catalog, attempts: Iterable[Attempt] = ()) -> None:
        self._catalog = catalog
        self._shares: dict[AttemptId, Sums] = {}
        self._sums = [0.0] * len(Sums._fields)
        self.first_dispatch_s: float | None = None
        self.update(attempts)

    def update(self, changed: Iterable[Attempt]) -> None:
        """Count these attempts as they are now."""
        for attempt in changed:
            if not attempt.kept and (self.first_dispatch_s is None or attempt.dispatched_s < self.first_dispatch_s):
                self.first_dispatch_s = attempt.dispatched_s
            share, former = self._share(attempt), self._shares.get(attempt.id, _NOTHING)
            if share != former:
                self._shares[attempt.id] = share
                self._sums = [total + new - old for total, new, old in zip(self._sums, share, former, strict=True)]

    @property
    def sums(self) -> Sums:
        """The sums over all attempts."""
        return Sums(*(max(0.0, total) for total in self._sums))

    def _share(self, attempt: Attempt) -> Sums:
        agent = self._catalog.by_name[attempt.placement.agent]
        usd, seconds = cost_usd(agent, attempt), 0.0 if agent.built_in else attempt.seconds
        failed = attempt.status is AttemptStatus.FAILED
        if attempt.verdict in (Verdict.FLUSH, Verdict.MIGRATE):
            return Sums(agent_s=seconds, wasted_s=seconds, usd=usd, wasted_usd=usd, failed=failed)
        return Sums(agent_s=seconds, failed_s=seconds if failed else 0.0, usd=usd, failed=failed)


_NOTHING = Sums()
