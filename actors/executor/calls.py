"""Makes the invocations of attempts from their orders."""

from dataclasses import dataclass, replace

from actors.executor.notice_log import is_watched
from actors.invocation import Invocation
from actors.kinds.kind import kind_of
from actors.logs.limits import LogLimits
from actors.payloads.outputs import BoundInputs
from actors.payloads.store import PayloadStore
from planners.agents import AgentSpec
from planners.model import AttemptId, TaskId, WorkKey
from reconciler.state.commands import Dispatch


@dataclass(frozen=True, slots=True)
class Calls:
    """What all invocations of one executor have in common."""

    inline_bytes: int
    payloads: PayloadStore
    logs: LogLimits | None
    executor: str

    def bound(self, task: TaskId, order: Dispatch, agent: AgentSpec, bound: BoundInputs) -> Invocation:
        """The invocation of an order with its inputs."""
        checks = kind_of(agent.kind).checks_schemas
        return replace(
            self.of(task, order, agent),
            inputs=bound.inputs,
            slots=tuple(bound.slots),
            input_schema=agent.input_schema if checks else None,
            output_schema=agent.output_schema if checks else None,
        )

    def of(self, task: TaskId, order: Dispatch, agent: AgentSpec) -> Invocation:
        """The invocation of an order without inputs."""
        return replace(
            self.bare(task, order.attempt, agent),
            work_key=order.work_key,
            node=order.node,
            idempotency_key=order.idempotency_key,
            speculative=order.speculative,
            check=order.check,
            refusal=order.refusal,
            timeout_s=agent.timeout_s if order.timeout_s is None else order.timeout_s,
        )

    def bare(self, task: TaskId, attempt: AttemptId, agent: AgentSpec) -> Invocation:
        """An invocation without inputs, as hooks get it."""
        return Invocation(
            task=task,
            attempt=attempt,
            agent=agent.name,
            kind=agent.kind,
            target=agent.target,
            work_key=WorkKey(""),
            idempotency_key=attempt,
            inputs={},
            settings=agent.settings,
            env=agent.env,
            watched=is_watched(agent),
            inline_bytes=self.inline_bytes,
            payloads=self.payloads,
            logs=self.logs,
            executor=self.executor,
        )
