"""Makes the invocations of attempts from their orders."""

from dataclasses import dataclass
from typing import Any

from actors.agent_tools import tools_of, variables_with
from actors.executor.notice_log import is_watched
from actors.invocation import Invocation
from actors.kinds.kind import kind_of
from actors.logs.limits import LogLimits
from actors.payloads.outputs import BoundInputs
from actors.payloads.store import PayloadStore
from planners.agents import AgentKind, AgentSpec, Catalog
from planners.model import AttemptId, TaskId, WorkKey
from reconciler.state.commands import Dispatch


@dataclass(frozen=True, slots=True)
class Calls:
    """What all invocations of one executor have in common."""

    inline_bytes: int
    payloads: PayloadStore
    logs: LogLimits | None
    executor: str

    def bound(
        self, task: TaskId, order: Dispatch, agent: AgentSpec, bound: BoundInputs, catalog: Catalog
    ) -> Invocation:
        """The invocation of an order with its inputs. ``catalog``: holds the agents that are its tools."""
        checks = kind_of(agent.kind).checks_schemas
        tools = tools_of(agent, catalog) if agent.kind is AgentKind.LLM else ()
        return self._made(
            task,
            order.attempt,
            agent,
            **_of_order(order, agent),
            tools=tools,
            env=variables_with(agent, tools) if tools else agent.env,
            inputs=bound.inputs,
            slots=tuple(bound.slots),
            input_schema=agent.input_schema if checks else None,
            output_schema=agent.output_schema if checks else None,
        )

    def of(self, task: TaskId, order: Dispatch, agent: AgentSpec) -> Invocation:
        """The invocation of an order without inputs."""
        return self._made(task, order.attempt, agent, **_of_order(order, agent), env=agent.env, inputs={})

    def bare(self, task: TaskId, attempt: AttemptId, agent: AgentSpec) -> Invocation:
        """An invocation without inputs, as hooks get it."""
        return self._made(task, attempt, agent, work_key=WorkKey(""), idempotency_key=attempt, env=agent.env, inputs={})

    def _made(self, task: TaskId, attempt: AttemptId, agent: AgentSpec, **more: Any) -> Invocation:
        """An invocation, made at once: copying one of so many fields takes longer than making it."""
        return Invocation(
            task=task,
            attempt=attempt,
            agent=agent.name,
            kind=agent.kind,
            target=agent.target,
            settings=agent.settings,
            watched=is_watched(agent),
            inline_bytes=self.inline_bytes,
            payloads=self.payloads,
            logs=self.logs,
            executor=self.executor,
            **more,
        )


def _of_order(order: Dispatch, agent: AgentSpec) -> dict[str, Any]:
    return {
        "work_key": order.work_key,
        "node": order.node,
        "idempotency_key": order.idempotency_key,
        "speculative": order.speculative,
        "check": order.check,
        "writes": order.writes,
        "compact": order.compact,
        "mailbox": order.mailbox,
        "step": order.step,
        "refusal": order.refusal,
        "timeout_s": agent.timeout_s if order.timeout_s is None else order.timeout_s,
    }
