"""Which failures say that nobody answers, and the failure of an attempt that does not wait until somebody does."""

from collections.abc import Callable, Mapping

from actors.executor.hosted import HostedAttempt
from actors.executor.waits import Stage
from planners.agents import REMOTE_KINDS, AgentSpec, Catalog
from planners.model import AttemptId, TaskId
from reconciler.state.handoff import Failure, FailureKind


def is_down(agent: AgentSpec, failure: Failure | None) -> bool:
    """Whether a failure shows that nobody answers. A provider that says when to come back is busy, not down."""
    if failure is None or failure.retry_after_s is not None:
        return False
    remote = agent.kind in REMOTE_KINDS or agent.provider is not None
    return failure.unavailable or (remote and failure.kind is FailureKind.TIMEOUT)


def to_divert(
    live: Mapping[TaskId, Mapping[AttemptId, HostedAttempt]], catalog: Catalog, is_down: Callable[[AgentSpec], bool]
) -> list[HostedAttempt]:
    """The attempts that wait for an agent that does not answer, where another one can do their work."""
    waiting = (one for attempts in live.values() for one in attempts.values() if one.stage is Stage.LIMITS)
    asked = ((one, catalog.by_name.get(one.order.agent)) for one in waiting if one.order.fallback)
    return [one for one, agent in asked if one.began_s is None and agent is not None and is_down(agent)]


def left_alone(agent: AgentSpec) -> Failure:
    """The failure of an attempt whose work another agent can do while this one's provider does not answer."""
    whose = f"provider '{agent.provider}'" if agent.provider is not None else f"agent '{agent.name}'"
    return Failure(
        kind=FailureKind.ERROR,
        message=f"{whose} does not answer, so another agent is asked",
        counts=False,
        never_began=True,
        unavailable=True,
    )
