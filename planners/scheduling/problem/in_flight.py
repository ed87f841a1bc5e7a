"""Which steps are already under way: matching in-flight attempts to steps by work key."""

from collections.abc import Mapping, Sequence
from itertools import islice, product
from typing import NamedTuple

from planners.agents import AgentSpec
from planners.model import StepId, WorkKey
from planners.requests import InFlight, PlanRequest
from planners.work_keys import InputDigests, work_key
from planners.workflow import Step

# Parents with several attempts of different agents in flight multiply; more mixtures than this are not looked at.
_MIXTURES = 32
# An attempt that has outlived its expected time is believed to need this share of it still.
_OVERDUE = 0.1


class Matched(NamedTuple):
    """An attempt in flight that is this step's work, if its data parents have the keys in ``parents``.

    ``twins``: earlier identical steps that must have the same agent, or this one's work key would be another.
    """

    agent: AgentSpec
    flight: InFlight
    key: WorkKey
    parents: tuple[tuple[int, WorkKey], ...]
    twins: tuple[int, ...]


def remaining_s(duration_s: float, elapsed_s: float) -> float:
    """Seconds an attempt in flight still needs."""
    return max(duration_s - elapsed_s, _OVERDUE * duration_s)


def matches(steps: Sequence[Step], agents: Sequence[Sequence[AgentSpec]], request: PlanRequest) -> list[list[Matched]]:
    """Per step, every attempt in flight that may be its work.

    Attempts on lost nodes are left out, and those that run where their agent, as it is declared now, does not fit.
    """
    live = [flight for flight in request.in_flight if _stands(flight, request)]
    return _Matching(live, InputDigests(request.task.inputs)).of(steps, agents)


def _stands(flight: InFlight, request: PlanRequest) -> bool:
    node, agent = request.cluster.by_id.get(flight.node), request.catalog.by_name.get(flight.agent)
    if node is None or agent is None:
        return False
    return flight.finished or agent.resources.fits(node.total)


class _Matching:
    def __init__(self, flights: list[InFlight], digests: InputDigests) -> None:
        self._flights: dict[WorkKey, list[InFlight]] = {}
        for flight in flights:
            self._flights.setdefault(flight.work_key, []).append(flight)
        self._digests = digests
        self._candidates: dict[WorkKey, list[int]] = {}

    def of(self, steps: Sequence[Step], agents: Sequence[Sequence[AgentSpec]]) -> list[list[Matched]]:
        index = {step.id: i for i, step in enumerate(steps)}
        found: list[list[Matched]] = []
        for step, offering in zip(steps, agents, strict=True):
            keys = [(p, sorted({m.key for m in found[index[p]]}) if p in index else []) for p in step.data_parents]
            here: list[Matched] = []
            for mixture in islice(product(*(options for _, options in keys)), _MIXTURES):
                parents = dict(zip((p for p, _ in keys), mixture, strict=True))
                for agent in offering:
                    here += self._match(step, agent, parents, index)
            found.append(here)
        return found

    def _match(
        self, step: Step, agent: AgentSpec, parents: Mapping[StepId, WorkKey], index: Mapping[StepId, int]
    ) -> list[Matched]:
        first = work_key(step, agent.identity, parents, self._digests)
        twins = self._candidates.setdefault(first, [])
        earlier = tuple(twins)
        twins.append(index[step.id])
        key = work_key(step, agent.identity, parents, self._digests, len(earlier)) if earlier else first
        needed = tuple((index[p], parent_key) for p, parent_key in parents.items())
        return [Matched(agent, flight, key, needed, earlier) for flight in self._flights.get(key, ())]
