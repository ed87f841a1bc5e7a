"""Which plan of authority counts: the epoch that was asked for, and what the next question must say."""

from planners.model import AgentName, AttemptId, NodeId, StepId
from reconciler.state.commands import PlanReason, RequestPlan

# A run that has been planned this often is going round in circles.
MAX_EPOCHS = 20


class PlanRequests:
    """Numbers the plans of one run and remembers what each must take into account."""

    def __init__(self) -> None:
        self.requested = 0
        self.without_agents: dict[AgentName, None] = {}
        self.without_nodes: dict[NodeId, None] = {}
        self.known_from: dict[StepId, AttemptId] = {}

    @property
    def exhausted(self) -> bool:
        """Whether no further plan may be asked for."""
        return self.requested >= MAX_EPOCHS

    def ask(self, reason: PlanReason) -> RequestPlan:
        """The question for the next epoch; plans of earlier epochs count no more."""
        self.requested += 1
        return RequestPlan(
            epoch=self.requested,
            reason=reason,
            known_from=dict(self.known_from),
            without_agents=tuple(self.without_agents),
            without_nodes=tuple(self.without_nodes),
        )

    def learns(self, known: dict[StepId, AttemptId]) -> bool:
        """Take in outputs that a for_each runs over; whether any of them is new."""
        fresh = known.keys() - self.known_from.keys()
        self.known_from.update(known)
        return bool(fresh)
