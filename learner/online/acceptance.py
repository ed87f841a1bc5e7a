"""How often outputs pass the checks of their steps, by agent and kind of input; older outcomes count less.

An agent that is not asked any more is not seen to improve. So what is known of all agents of a capability fades with
every outcome of any of them: what was learned of an agent long ago returns to the prior, and it is tried again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from learner.online.lru import LruDict
from planners.agents import AgentSpec
from planners.costs import Acceptance
from planners.input_kinds import input_kind
from planners.workflow import Step
from reconciler.state.outcomes import Outcome

DISCOUNT = 0.98
# The prior, and what is known of an agent for all kinds of input, count as much as this many outcomes.
PRIOR_WEIGHT = 2.0
# What is expected of an agent that is asked again, as a share of what is expected of it the first time.
_AGAIN = 0.5
_ALL = ""


class _Key(NamedTuple):
    owner: str  # agent or capability
    kind: str
    again: bool


class _Seen(NamedTuple):
    """Outputs, those accepted, and how many outputs of the agent's capability there had been by then."""

    capability: str
    outputs: float
    accepted: float
    at: int


@dataclass(frozen=True, slots=True)
class AcceptanceRates:
    """What is known at a moment. ``total``: outputs by capability and kind of input."""

    seen: Mapping[_Key, _Seen] = field(default_factory=dict)
    total: Mapping[_Key, int] = field(default_factory=dict)

    def acceptance(self, agent: AgentSpec, step: Step) -> Acceptance:
        """The expected shares of accepted outputs. The declared quality is the prior."""
        kind = input_kind(step)
        first = self._share(agent, kind, agent.quality, again=False)
        return Acceptance(first, self._share(agent, kind, _AGAIN * first, again=True))

    def by_agent(self) -> dict[str, dict[str, tuple[float, float]]]:
        """Agent -> kind of input (empty: all) -> outputs when first asked for, faded, and how many were accepted."""
        found: dict[str, dict[str, tuple[float, float]]] = {}
        for key, seen in self.seen.items():
            if not key.again:
                found.setdefault(key.owner, {})[key.kind] = self._faded(
                    key.owner, seen.capability, key.kind, again=False
                )
        return found

    def _share(self, agent: AgentSpec, kind: str, prior: float, *, again: bool) -> float:
        for known in dict.fromkeys((_ALL, kind)):
            outputs, accepted = self._faded(agent.name, agent.capability, known, again=again)
            prior = (accepted + PRIOR_WEIGHT * prior) / (outputs + PRIOR_WEIGHT)
        return prior

    def _faded(self, agent: str, capability: str, kind: str, *, again: bool) -> tuple[float, float]:
        if (seen := self.seen.get(_Key(agent, kind, again))) is None:
            return 0.0, 0.0
        since = max(0, self.total.get(_Key(capability, kind, again), 0) - seen.at)
        return seen.outputs * DISCOUNT**since, seen.accepted * DISCOUNT**since


class AcceptanceCounts:
    """Follows outcomes; constant time for each, and at most ``most`` pairs of agent and kind of input, used last."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._seen: LruDict[_Key, _Seen] = LruDict(most)
        self._total: LruDict[_Key, int] = LruDict(most)

    def add(self, outcome: Outcome) -> None:
        """Take in an outcome; one whose output was not checked says nothing."""
        if outcome.accepted is None:
            return
        for kind in dict.fromkeys((_ALL, outcome.input_kind)):
            of_all = _Key(outcome.capability, kind, outcome.again)
            total = self._total.get(of_all, 0)
            self._total.put(of_all, total + 1)
            key = _Key(outcome.agent, kind, outcome.again)
            before = self._seen.get(key, _Seen(outcome.capability, 0.0, 0.0, total))
            fade = DISCOUNT ** max(0, total + 1 - before.at)
            outputs, accepted = fade * before.outputs + 1, fade * before.accepted + outcome.accepted
            self._seen.put(key, _Seen(outcome.capability, outputs, accepted, total + 1))

    def rates(self) -> AcceptanceRates:
        """What is known now; later outcomes do not change it."""
        return AcceptanceRates(dict(self._seen), dict(self._total))
