"""How often outputs pass the checks of their steps, and suit people, by agent and kind of input.

What people say of an output counts beside the check of its step: an output is good if it passes the check and nobody
refuses it. Of steps without a check, only people's judgements are known. Older outcomes count less.

An agent that is not asked any more is not seen to improve. So what is known of all agents of a capability fades with
every outcome of any of them: what was learned of an agent long ago returns to the prior, and it is tried again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from learner.online.lru import LruDict
from planners.agents import AgentSpec
from planners.costs import CERTAIN, Acceptance
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
    judged: bool = False  # by a person


# Outputs when first asked for, those after a refusal, and those that people have judged.
_FIRST, _LATER, _JUDGED = (
    _Key("", _ALL, again=False),
    _Key("", _ALL, again=True),
    _Key("", _ALL, again=False, judged=True),
)


class _Seen(NamedTuple):
    """Outputs, those accepted, and how many outputs of the agent's capability there had been by then."""

    capability: str
    outputs: float
    accepted: float
    at: int


@dataclass(frozen=True, slots=True)
class AcceptanceRates:
    """What is known at a moment.

    Attributes:
        seen: outputs by agent and kind of input.
        total: outputs by capability and kind of input.
        judged: the capabilities of which people have judged outputs.
    """

    seen: Mapping[_Key, _Seen] = field(default_factory=dict)
    total: Mapping[_Key, int] = field(default_factory=dict)
    judged: frozenset[str] = frozenset()

    def acceptance(self, agent: AgentSpec, step: Step) -> Acceptance:
        """The expected shares of accepted outputs. The declared quality is the prior.

        Where nothing is checked and people have judged nothing, every output counts as accepted.
        """
        if step.check is None:
            if agent.capability not in self.judged:
                return CERTAIN
            suits = self._share(agent, input_kind(step), agent.quality, _JUDGED)
            return Acceptance(suits, suits)
        kind = input_kind(step)
        first = self._share(agent, kind, agent.quality, _FIRST)
        again = self._share(agent, kind, _AGAIN * first, _LATER)
        suits = self._share(agent, kind, 1.0, _JUDGED) if agent.capability in self.judged else 1.0
        return Acceptance(first * suits, again * suits)

    def by_agent(self, *, judged: bool = False) -> dict[str, dict[str, tuple[float, float]]]:
        """Agent -> kind of input (empty: all) -> outputs, faded, and how many were accepted.

        Those that were checked when the agent was asked for the first time, or those that people have ``judged``.
        """
        found: dict[str, dict[str, tuple[float, float]]] = {}
        for key, seen in self.seen.items():
            if not key.again and key.judged is judged:
                found.setdefault(key.owner, {})[key.kind] = self._faded(key, seen.capability)
        return found

    def _share(self, agent: AgentSpec, kind: str, prior: float, of: _Key) -> float:
        """The share of accepted outputs, shrunk to that of all kinds of input, which is shrunk to the prior."""
        for known in dict.fromkeys((_ALL, kind)):
            outputs, accepted = self._faded(of._replace(owner=agent.name, kind=known), agent.capability)
            prior = (accepted + PRIOR_WEIGHT * prior) / (outputs + PRIOR_WEIGHT)
        return prior

    def _faded(self, key: _Key, capability: str) -> tuple[float, float]:
        if (seen := self.seen.get(key)) is None:
            return 0.0, 0.0
        since = max(0, self.total.get(key._replace(owner=capability), 0) - seen.at)
        return seen.outputs * DISCOUNT**since, seen.accepted * DISCOUNT**since


class AcceptanceCounts:
    """Follows outcomes; constant time for each, and at most ``most`` pairs of agent and kind of input, used last."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._seen: LruDict[_Key, _Seen] = LruDict(most)
        self._total: LruDict[_Key, int] = LruDict(most)

    def add(self, outcome: Outcome) -> None:
        """Take in an outcome; one whose output was neither checked nor judged says nothing."""
        if outcome.accepted is None:
            return
        for kind in dict.fromkeys((_ALL, outcome.input_kind)):
            of_all = _Key(outcome.capability, kind, outcome.again and not outcome.judged, outcome.judged)
            total = self._total.get(of_all, 0)
            self._total.put(of_all, total + 1)
            key = of_all._replace(owner=outcome.agent)
            before = self._seen.get(key, _Seen(outcome.capability, 0.0, 0.0, total))
            fade = DISCOUNT ** max(0, total + 1 - before.at)
            outputs, accepted = fade * before.outputs + 1, fade * before.accepted + outcome.accepted
            self._seen.put(key, _Seen(outcome.capability, outputs, accepted, total + 1))

    def rates(self) -> AcceptanceRates:
        """What is known now; later outcomes do not change it."""
        judged = frozenset(key.owner for key in self._total if key.judged)
        return AcceptanceRates(dict(self._seen), dict(self._total), judged)
