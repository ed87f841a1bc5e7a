"""The state of one step of the optimal plan, and which changes of state are legal.

Every cause (an attempt failed, a node was lost, an agent failed for good, a retry is due, the plan was replaced) is one
transition of this table. An illegal one raises with the step's story, as dask's worker state machine does.

    waiting ──► ready ──► dispatched ──► running ──► finished
       │          ▲  ▲        │             │            │
       │          │  └─ retrying ◄── failed attempt      └─► waiting, ready (its output was lost)
       ├──► blocked ◄─── node lost, agent failed for good
       │                      in_doubt ◄── an irreversible attempt was lost
       └──► skipped ◄── a new plan does without it, or its element is dropped
    held ◄─► ready: the fan-out around it, or the task, is at its limit
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from planners.model import AgentName, AttemptId, NodeId, StepId, WorkKey
from reconciler.errors import RunError
from reconciler.state.commands import PlanReason


class StepStatus(StrEnum):
    """Where a step of the current plan is.

    Attributes:
        WAITING: some parent has not finished.
        READY: it is dispatched before the event that made it ready has been handled.
        DISPATCHED: its attempt waits for room.
        RUNNING: its attempt runs.
        RETRYING: an attempt failed; it becomes ready at ``retry_at_s``.
        BLOCKED: its node or agent is gone, so it waits for a new plan.
        IN_DOUBT: its irreversible attempt was lost and may have acted; it is never dispatched again until that is
            known.
        FINISHED: its output is there.
        HELD: it could start, and a fan-out around it works on as many elements as it may, or a limit of the task is
            reached and a person is asked.
        FAILED: it failed for good. The run ends, unless the workflow goes on without it.
        SKIPPED: it is not run: a route takes another way, or what it reads is skipped.
    """

    WAITING = "waiting"
    READY = "ready"
    DISPATCHED = "dispatched"
    RUNNING = "running"
    RETRYING = "retrying"
    BLOCKED = "blocked"
    IN_DOUBT = "in_doubt"
    FINISHED = "finished"
    HELD = "held"
    FAILED = "failed"
    SKIPPED = "skipped"


_S = StepStatus
_OPEN = frozenset({_S.WAITING, _S.READY, _S.HELD, _S.RETRYING, _S.BLOCKED})
_LOST = frozenset({_S.RETRYING, _S.READY, _S.WAITING, _S.BLOCKED, _S.IN_DOUBT, _S.FAILED})

# States that no attempt shows.
WITHOUT_ATTEMPT = frozenset({_S.HELD, _S.RETRYING, _S.BLOCKED, _S.SKIPPED, _S.FAILED})

# What may follow while a plan stands.
TRANSITIONS: Mapping[StepStatus, frozenset[StepStatus]] = MappingProxyType(
    {
        _S.WAITING: frozenset({_S.READY, _S.RETRYING, _S.BLOCKED, _S.FAILED, _S.SKIPPED}),
        _S.READY: frozenset({_S.DISPATCHED, _S.RUNNING, _S.HELD, _S.WAITING, _S.RETRYING, _S.BLOCKED})
        | {_S.FAILED, _S.SKIPPED},
        _S.HELD: frozenset({_S.READY, _S.WAITING, _S.BLOCKED, _S.FAILED, _S.SKIPPED}),
        # Their hedge may take their place, dispatched or running.
        _S.DISPATCHED: frozenset({_S.DISPATCHED, _S.RUNNING, _S.FINISHED, _S.SKIPPED}) | _LOST,
        _S.RUNNING: frozenset({_S.DISPATCHED, _S.RUNNING, _S.FINISHED, _S.SKIPPED}) | _LOST,
        _S.RETRYING: frozenset({_S.READY, _S.WAITING, _S.BLOCKED, _S.FAILED, _S.SKIPPED}),
        _S.BLOCKED: frozenset({_S.FAILED, _S.SKIPPED}),
        _S.IN_DOUBT: frozenset({_S.FINISHED, _S.RETRYING, _S.READY, _S.WAITING, _S.BLOCKED, _S.FAILED}),
        # Skipped where its element was dropped before it finished, which only a new plan could tell.
        _S.FINISHED: frozenset({_S.WAITING, _S.READY, _S.IN_DOUBT, _S.SKIPPED}),
        _S.FAILED: frozenset(),
        _S.SKIPPED: frozenset(),
    }
)

# What a new plan may make of the same work: it may place anew whatever has not run, and adopt attempts. It never
# dispatches a step in doubt. It may skip one, as what the step follows has failed: its attempt stays in doubt, and like
# steps adopt it.
REPLANNED: Mapping[StepStatus, frozenset[StepStatus]] = MappingProxyType(
    {
        **dict.fromkeys(_OPEN, _OPEN | {_S.DISPATCHED, _S.RUNNING, _S.FINISHED, _S.SKIPPED}),
        _S.DISPATCHED: frozenset({_S.DISPATCHED, _S.SKIPPED}),
        _S.RUNNING: frozenset({_S.RUNNING, _S.SKIPPED}),
        _S.IN_DOUBT: frozenset({_S.IN_DOUBT, _S.SKIPPED}),
        _S.FINISHED: frozenset({_S.FINISHED, _S.SKIPPED}),
        # What an earlier attempt has done, whose result was not used, is read again when it is undone.
        _S.FAILED: frozenset({_S.FAILED, _S.SKIPPED, _S.FINISHED}),
        _S.SKIPPED: frozenset({_S.SKIPPED, _S.FINISHED}),
    }
)


class IllegalTransition(RunError):
    """A step cannot change so; the message tells the step's story."""


@dataclass(frozen=True, slots=True)
class StepState:
    """One state of a step, with the details that belong to it and the state before it.

    Attributes:
        step: its id in the plan.
        work_key: the work it stands for, given the attempts that serve its parents.
        status: where it is.
        at_s: since when, seconds from admission.
        cause: why, in a few words.
        attempt: the attempt that serves it (dispatched, running, in doubt, finished).
        retry_at_s: when it may be dispatched again (retrying, or waiting meanwhile).
        blocked_by: why it needs a new plan (blocked).
        node: the lost node that blocks it.
        agent: the failed agent that blocks it.
        before: the state before this one.
    """

    step: StepId
    work_key: WorkKey
    status: StepStatus
    at_s: float
    cause: str = ""
    attempt: AttemptId | None = None
    retry_at_s: float | None = None
    blocked_by: PlanReason | None = None
    node: NodeId | None = None
    agent: AgentName | None = None
    before: "StepState | None" = None

    @property
    def served(self) -> bool:
        """Whether an attempt serves it."""
        return self.attempt is not None

    def to(self, status: StepStatus, at_s: float, cause: str, **details: Any) -> "StepState":
        """The next state.

        Raises:
            IllegalTransition: a step in this state cannot change so.
        """
        if status not in TRANSITIONS[self.status]:
            raise IllegalTransition(self._refusal(status, at_s, cause))
        return StepState(self.step, self.work_key, status, at_s, cause, before=self, **details)

    def replanned(self, fresh: "StepState") -> "StepState":
        """What a new plan makes of this step: this very state if nothing changes, else ``fresh`` with this one's story.

        Raises:
            IllegalTransition: no plan can change it so.
        """
        if fresh.work_key != self.work_key:
            return fresh
        if fresh.status is self.status and fresh.attempt == self.attempt and self.status is not StepStatus.BLOCKED:
            return self
        if fresh.status not in REPLANNED.get(self.status, frozenset()):
            raise IllegalTransition(self._refusal(fresh.status, fresh.at_s, fresh.cause))
        return replace(fresh, before=self)

    def story(self) -> list[str]:
        """Its states from the first to this one, one line each."""
        return [one.line() for one in reversed(list(self._back()))]

    def line(self) -> str:
        """Since when it is in this state, and why."""
        details = {"attempt": self.attempt, "retry_at_s": self.retry_at_s, "node": self.node, "agent": self.agent}
        told = " ".join(f"{name}={value}" for name, value in details.items() if value is not None)
        return " ".join(part for part in (f"{self.at_s:.3f} s", self.status.value, told, self.cause) if part)

    def _back(self) -> Iterator["StepState"]:
        state: StepState | None = self
        while state is not None:
            yield state
            state = state.before

    def _refusal(self, status: StepStatus, at_s: float, cause: str) -> str:
        story = "; ".join(self.story())
        return f"step '{self.step}' cannot become {status.value} at {at_s:.3f} s ({cause}); so far: {story}"
