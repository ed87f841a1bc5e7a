"""Which plan the run waits for, and what the next request for one must say."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from planners.model import AgentName, AttemptId, NodeId, StepId
from reconciler.state.commands import PlanReason, RequestPlan
from reconciler.state.run_facts import RunFacts

# A run that asks for a plan this often without having come any further goes round in circles.
MOST_WITHOUT_PROGRESS = 20

# The run can go on with the plan it has while a plan for these reasons is made.
OPTIONAL = frozenset({PlanReason.ESTIMATE_WRONG, PlanReason.LIMITS_RAISED})


@dataclass(slots=True)
class PlanRequests:
    """Numbers the plans of one run and remembers what each must take into account.

    Attributes:
        requested: the epoch of the last request; plans of earlier epochs count no more.
        awaited: why a plan is being made; None if none is.
        without_agents: agents that failed for good.
        refused: by step, agents whose outputs it refused for good; other steps may still use them.
        without_nodes: nodes that were lost.
        known_from: steps whose outputs a for_each runs over or a condition reads, each with the attempt that made it.
    """

    requested: int = 0
    awaited: PlanReason | None = None
    without_agents: dict[AgentName, None] = field(default_factory=dict)
    refused: dict[StepId, tuple[AgentName, ...]] = field(default_factory=dict)
    without_nodes: dict[NodeId, None] = field(default_factory=dict)
    known_from: dict[StepId, AttemptId] = field(default_factory=dict)
    _forgotten: dict[StepId, AttemptId] = field(default_factory=dict)
    _fruitless: int = 0
    _last: Hashable = None

    @property
    def required(self) -> bool:
        """Whether the run cannot end before the plan that is being made."""
        return self.awaited is not None and self.awaited not in OPTIONAL

    @property
    def optional(self) -> bool:
        """Whether a plan is being made that the run can do without."""
        return self.awaited is not None and self.awaited in OPTIONAL

    @property
    def exhausted(self) -> bool:
        """Whether too many plans in a row have brought nothing new."""
        return self._fruitless >= MOST_WITHOUT_PROGRESS

    def ask(self, reason: PlanReason, finished: int, facts: RunFacts) -> RequestPlan:
        """The request for the next epoch.

        Args:
            reason: why it is made.
            facts: what decides how the workflow is unrolled; new ones are progress too.
            finished: how many confirmed attempts have finished so far. That, a lost node, a failed agent and a list
                that became known are progress: a request after none of them counts towards `exhausted`.
        """
        if reason not in OPTIONAL:
            known = len(self.known_from) + len(self._forgotten)
            lost = (len(self.without_agents), sum(map(len, self.refused.values())), len(self.without_nodes))
            came_to = (finished, *lost, known, facts.count)
            self._fruitless = self._fruitless + 1 if came_to == self._last else 0
            self._last = came_to
        self.requested += 1
        self.awaited = reason
        return RequestPlan(
            epoch=self.requested,
            reason=reason,
            known_from=dict(self.known_from),
            facts=facts.taken(),
            without_agents=tuple(self.without_agents),
            refused=dict(self.refused),
            without_nodes=tuple(self.without_nodes),
        )

    def refuse(self, step: StepId, agent: AgentName) -> None:
        """A step asks this agent no more."""
        if agent not in (known := self.refused.get(step, ())):
            self.refused[step] = (*known, agent)

    def excluded(self, step: StepId) -> tuple[AgentName, ...]:
        """The agents that get no new attempt of a step."""
        return (*self.without_agents, *self.refused.get(step, ()))

    def given(self) -> None:
        """The task brought its plan along: epoch 1 needs no request."""
        self.requested = 1

    def answered(self) -> None:
        """The plan is complete, or an optional one will not come."""
        self.awaited = None

    def add_known(self, known: dict[StepId, AttemptId]) -> bool:
        """Take in outputs that a for_each runs over; whether any of them is new."""
        fresh = known.keys() - self.known_from.keys()
        self.known_from.update(known)
        return bool(fresh)

    def lose(self, steps: Iterable[StepId]) -> bool:
        """The outputs of these steps are made again, so they are not known; whether a plan was to read any of them."""
        lost = [step for step in steps if self.known_from.pop(step, None) is not None]
        return bool(lost)

    def forget(self, steps: Iterable[StepId]) -> None:
        """No plan reads the outputs of these steps any more."""
        for step in steps:
            if (attempt := self.known_from.pop(step, None)) is not None:
                self._forgotten[step] = attempt

    def recall(self) -> None:
        """Plans read all outputs again."""
        self.known_from, self._forgotten = {**self._forgotten, **self.known_from}, {}
