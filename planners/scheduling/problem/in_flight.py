"""Match attempts in flight to the steps of a workflow by work key."""

from collections.abc import Mapping, Sequence
from itertools import islice, product
from typing import NamedTuple

from planners.agents import AgentSpec
from planners.model import StepId, WorkKey
from planners.occurrences import nth_free
from planners.requests import InFlight, PlanRequest
from planners.work_keys import InputDigests, work_key
from planners.workflow import FlatWorkflow, Step

# Parents with attempts of several agents multiply; combinations beyond this number are ignored.
_MAX_COMBINATIONS = 32
# An attempt that has exceeded its expected duration is assumed to need this share of it.
_OVERDUE = 0.1


class MatchedAttempt(NamedTuple):
    """An attempt in flight that is the work of a step, provided its data parents have the keys in ``parents``.

    ``twins`` are earlier identical steps: they must use the same agent, or the step has another work key.
    """

    agent: AgentSpec
    flight: InFlight
    key: WorkKey
    parents: tuple[tuple[int, WorkKey], ...]
    twins: tuple[int, ...]


def remaining_s(duration_s: float, elapsed_s: float) -> float:
    """The seconds an attempt in flight still needs."""
    return max(duration_s - elapsed_s, _OVERDUE * duration_s)


def match_in_flight(
    flat: FlatWorkflow, agents: Sequence[Sequence[AgentSpec]], request: PlanRequest
) -> list[list[MatchedAttempt]]:
    """Per step, every attempt in flight that may be its work.

    Attempts on lost nodes are ignored, as are running attempts on nodes that their agent no longer fits on.
    """
    usable = [flight for flight in request.in_flight if _usable(flight, request)]
    return _Matcher(usable, flat, InputDigests(request.task.values)).match(agents)


def _usable(flight: InFlight, request: PlanRequest) -> bool:
    node, agent = request.cluster.by_id.get(flight.node), request.catalog.by_name.get(flight.agent)
    if node is None or agent is None:
        return False
    return flight.finished or agent.resources.fits(node.total)


class _Matcher:
    def __init__(self, flights: list[InFlight], flat: FlatWorkflow, digests: InputDigests) -> None:
        self._flat = flat
        self._flights: dict[WorkKey, list[InFlight]] = {}
        for flight in flights:
            self._flights.setdefault(flight.work_key, []).append(flight)
        self._digests = digests
        self._steps_by_key: dict[WorkKey, list[int]] = {}

    def match(self, agents: Sequence[Sequence[AgentSpec]]) -> list[list[MatchedAttempt]]:
        steps, finished = self._flat.steps, self._flat.finished
        index = {step.id: i for i, step in enumerate(steps)}
        found: list[list[MatchedAttempt]] = []
        for step, candidates in zip(steps, agents, strict=True):
            if (known := finished.get(step.id)) is not None:
                found.append(self._match_finished(known, candidates))
                continue
            keys = [(p, sorted({m.key for m in found[index[p]]}) if p in index else []) for p in step.data_parents]
            matches: list[MatchedAttempt] = []
            for combination in islice(product(*(options for _, options in keys)), _MAX_COMBINATIONS):
                parents = dict(zip((p for p, _ in keys), combination, strict=True))
                for agent in candidates:
                    matches += self._match_agent(step, agent, parents, index)
            found.append(matches)
        return found

    def _match_finished(self, key: WorkKey, candidates: Sequence[AgentSpec]) -> list[MatchedAttempt]:
        agents = {agent.name: agent for agent in candidates}
        flights = [flight for flight in self._flights.get(key, ()) if flight.agent in agents]
        return [MatchedAttempt(agents[flight.agent], flight, key, (), ()) for flight in flights]

    def _match_agent(
        self, step: Step, agent: AgentSpec, parents: Mapping[StepId, WorkKey], index: Mapping[StepId, int]
    ) -> list[MatchedAttempt]:
        first = work_key(step, agent.identity, parents, self._digests)
        same_work = self._steps_by_key.setdefault(first, [])
        twins = tuple(same_work)
        same_work.append(index[step.id])
        occurrence = nth_free(len(twins), self._flat.repeats.get(first, ()))
        key = work_key(step, agent.identity, parents, self._digests, occurrence) if occurrence else first
        needed = tuple((index[p], parent_key) for p, parent_key in parents.items())
        return [MatchedAttempt(agent, flight, key, needed, twins) for flight in self._flights.get(key, ())]
