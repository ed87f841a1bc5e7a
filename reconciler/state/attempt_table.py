"""All attempts of a run, with what is asked of them often: who is live, where, and what they have cost."""

from collections.abc import Collection, Iterable, Iterator, Mapping, ValuesView
from copy import copy
from typing import Any, NamedTuple

from planners.agents import Catalog
from planners.model import AttemptId, NodeId, StepId, WorkKey
from reconciler.state import accounts
from reconciler.state.attempts import Attempt, AttemptStatus


class Spending(NamedTuple):
    """What one attempt, or all of them, add to the two budgets and to the gate's caps.

    Attributes:
        confirmed_usd: dollars of work that the optimal plan holds or held, paid from ``limits.budget_usd``.
        guesses_usd: dollars of work that no plan has confirmed, paid from the gate's allowance. What still runs counts
            with what it is expected to cost.
        unconfirmed: attempts that no plan has decided about, finished ones included.
        unconfirmed_s: their agent-seconds, run or expected.
        reserved_usd: dollars that confirmed attempts under way are still expected to cost.
        confirmed_tokens: tokens of work that the optimal plan holds or held, paid from ``limits.budget_tokens``.
        reserved_tokens: tokens that confirmed attempts under way are expected to use.
        context_bytes: what confirmed work has added to the context, bounded by ``limits.context_bytes``.
    """

    confirmed_usd: float = 0.0
    guesses_usd: float = 0.0
    unconfirmed: int = 0
    unconfirmed_s: float = 0.0
    reserved_usd: float = 0.0
    confirmed_tokens: float = 0.0
    reserved_tokens: float = 0.0
    context_bytes: int = 0

    def plus(self, other: "Spending", sign: int = 1) -> "Spending":
        """The sum, or with ``sign`` -1 the difference."""
        return Spending(
            self.confirmed_usd + sign * other.confirmed_usd,
            self.guesses_usd + sign * other.guesses_usd,
            self.unconfirmed + sign * other.unconfirmed,
            self.unconfirmed_s + sign * other.unconfirmed_s,
            self.reserved_usd + sign * other.reserved_usd,
            self.confirmed_tokens + sign * other.confirmed_tokens,
            self.reserved_tokens + sign * other.reserved_tokens,
            self.context_bytes + sign * other.context_bytes,
        )


_NOTHING = Spending()


class AttemptTable(Mapping[AttemptId, Attempt]):
    """Attempts by id, in order of dispatch. `put` is the only way to change one; it costs the same at any size."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._attempts: dict[AttemptId, Attempt] = {}
        self._spendings: dict[AttemptId, Spending] = {}
        self._current: dict[AttemptId, None] = {}
        self._live_on: dict[NodeId, dict[AttemptId, None]] = {}
        self.live: dict[AttemptId, None] = {}
        self.unconfirmed: dict[AttemptId, None] = {}
        self.in_doubt: dict[AttemptId, None] = {}
        self.large_outputs: dict[AttemptId, None] = {}
        self.spending = _NOTHING
        self.changed: list[AttemptId] = []
        self.acts: dict[WorkKey, StepId] = {}  # the work of irreversible attempts -> the step that it was done for

    def __getitem__(self, attempt: AttemptId) -> Attempt:
        return self._attempts[attempt]

    def __iter__(self) -> Iterator[AttemptId]:
        return iter(self._attempts)

    def __len__(self) -> int:
        return len(self._attempts)

    def values(self) -> ValuesView[Attempt]:
        """The attempts, in order of dispatch."""
        return self._attempts.values()

    @property
    def current_count(self) -> int:
        """How many `current` has."""
        return len(self._current)

    def current(self) -> list[Attempt]:
        """Those that a plan may have to do with, in order of dispatch: not of steps that it leaves out, not flushed."""
        return [self._attempts[attempt] for attempt in self._current]

    def retire(self, steps: Collection[StepId]) -> None:
        """No plan holds these steps any more: their attempts are not current unless something is open about them."""
        for attempt in self.current():
            if attempt.step.id in steps and not (attempt.live or attempt.unconfirmed or attempt.in_doubt):
                del self._current[attempt.id]

    def recall(self, attempts: Iterable[AttemptId]) -> None:
        """Plans hold the steps of these attempts again."""
        self._current.update(dict.fromkeys(attempts))

    def restore(self) -> None:
        """Plans may have to do with all attempts again."""
        self._current = {one.id: None for one in self.values() if one.status is not AttemptStatus.FLUSHED}

    def find(self, attempt: AttemptId) -> Attempt | None:
        """The attempt, if there is one of this id."""
        return self._attempts.get(attempt)

    def put(self, attempt: Attempt) -> None:
        """Add an attempt, or replace the one of its id."""
        identity, live = attempt.id, attempt.live
        before, now = self._spendings.get(identity, _NOTHING), self._spending(attempt)
        if now != before:
            self.spending = self.spending.plus(now).plus(before, -1)
            self._spendings[identity] = now
        if attempt.status is AttemptStatus.FLUSHED:
            self._current.pop(identity, None)
        elif identity not in self._attempts:
            self._current[identity] = None
        if identity not in self._attempts and self._catalog.by_name[attempt.placement.agent].effect.never_twice:
            self.acts.setdefault(attempt.work_key, attempt.step.id)
        self._attempts[identity] = attempt
        self.changed.append(identity)
        if live:
            self.live[identity] = self._live_on.setdefault(attempt.placement.node, {})[identity] = None
        elif identity in self.live:
            del self.live[identity], self._live_on[attempt.placement.node][identity]
        _keep(self.unconfirmed, identity, kept=attempt.unconfirmed)
        _keep(self.in_doubt, identity, kept=attempt.in_doubt)
        large = attempt.handoff is not None and attempt.handoff.fleeting and attempt.finished
        _keep(self.large_outputs, identity, kept=large)

    def spoken_by(self, attempt: AttemptId) -> Mapping[str, Any]:
        """What the handoff of a finished attempt says besides its output.

        Raises:
            LookupError: it has none yet.
        """
        handoff = self[attempt].handoff
        if handoff is None:
            raise LookupError(f"no handoff of '{attempt}' yet")
        return handoff.spoken

    def live_on(self, node: NodeId) -> list[Attempt]:
        """The live attempts of a node, in order of dispatch."""
        return [self[attempt] for attempt in self._live_on.get(node, ())]

    def live_count_on(self, node: NodeId) -> int:
        """How many live attempts a node has."""
        return len(self._live_on.get(node, ()))

    def snapshot(self) -> "AttemptTable":
        """A copy that does not change with this one. Linear."""
        still = copy(self)
        still._attempts, still._current = dict(self._attempts), dict(self._current)  # noqa: SLF001
        still.in_doubt = dict(self.in_doubt)
        return still

    def counted_anew(self) -> Spending:
        """`spending`, added up from every attempt: what it must equal."""
        total = _NOTHING
        for attempt in self.values():
            total = total.plus(self._spending(attempt))
        return total

    def _spending(self, attempt: Attempt) -> Spending:
        agent = self._catalog.by_name[attempt.placement.agent]
        usd = accounts.cost_usd(agent, attempt)
        if attempt.confirmed_s is not None or not (attempt.began_speculative or attempt.standby):
            expected_usd = agent.price.of(attempt.placement.duration_s) if attempt.live else 0.0
            paid = Spending(
                confirmed_usd=usd,
                reserved_usd=max(0.0, expected_usd - usd),
                confirmed_tokens=accounts.tokens(agent, attempt),
                reserved_tokens=agent.tokens_per_call if attempt.live else 0.0,
                context_bytes=accounts.context_bytes(attempt),
            )
            return paid if any(paid) else _NOTHING
        if attempt.live:
            expected_s = attempt.placement.duration_s
            return Spending(0.0, max(usd, agent.price.of(expected_s)), 1, expected_s)
        if attempt.unconfirmed:
            return Spending(0.0, usd, 1, attempt.seconds)
        return Spending(guesses_usd=usd) if usd else _NOTHING


def _keep(index: dict[AttemptId, None], attempt: AttemptId, *, kept: bool) -> None:
    if kept:
        index[attempt] = None
    else:
        index.pop(attempt, None)
