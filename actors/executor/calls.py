"""Makes the invocations of attempts from their orders."""

from dataclasses import dataclass
from typing import Any, Protocol

from actors.agent_tools import tools_of, variables_with
from actors.executor.notice_log import is_watched
from actors.invocation import Invocation
from actors.kinds.kind import kind_of
from actors.logs.limits import TOLD_ONLY, LogLimits
from actors.payloads.outputs import BoundInputs
from actors.payloads.store import PayloadStore
from planners.agents import AgentKind, AgentSpec, Catalog
from planners.model import AttemptId, StepId, TaskId, WorkKey
from reconciler.state.commands import Dispatch

# One for all: a message to a host holds it once, and so do the attempts there.
_NO_CALLBACKS: dict[str, dict[str, str]] = {}


class Address(Protocol):
    """Where an outside system answers one callback."""

    @property
    def url(self) -> str:
        """`POST` the output here."""
        ...

    @property
    def heartbeat_url(self) -> str:
        """`POST` here while the work goes on."""
        ...


class Addresses(Protocol):
    """Makes the addresses at which outside systems answer."""

    def of(self, task: TaskId, step: StepId) -> Address:
        """Those of a callback."""
        ...


@dataclass(frozen=True, slots=True)
class Calls:
    """What all invocations of one executor have in common."""

    inline_bytes: int
    payloads: PayloadStore
    logs: LogLimits | None
    executor: str
    addresses: Addresses | None = None

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
            logs=self._logs_of(order, agent),
            callbacks=self._callbacks(task, order),
            tools=tools,
            env=variables_with(agent, tools) if tools else agent.env,
            inputs=bound.inputs,
            slots=tuple(bound.slots),
            computed=tuple(bound.computed),
            input_schema=agent.input_schema if checks else None,
            output_schema=agent.output_schema if checks else None,
        )

    def of(self, task: TaskId, order: Dispatch, agent: AgentSpec) -> Invocation:
        """The invocation of an order without inputs."""
        return self._made(task, order.attempt, agent, **_of_order(order, agent), env=agent.env, inputs={})

    def _logs_of(self, order: Dispatch, agent: AgentSpec) -> LogLimits | None:
        """What is captured of an attempt. Where no log is kept, only the progress that its ``idle_s`` asks for."""
        return TOLD_ONLY if self.logs is None and idle_limit_s(order, agent) is not None else self.logs

    def _callbacks(self, task: TaskId, order: Dispatch) -> dict[str, dict[str, str]]:
        if not order.callbacks or self.addresses is None:
            return _NO_CALLBACKS
        addresses = {step: self.addresses.of(task, step) for step in order.callbacks}
        return {step: {"url": one.url, "heartbeat_url": one.heartbeat_url} for step, one in addresses.items()}

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
            proposes=agent.proposes,
            inline_bytes=self.inline_bytes,
            payloads=self.payloads,
            executor=self.executor,
            **{"logs": self.logs, **more},
        )


def idle_limit_s(order: Dispatch, agent: AgentSpec) -> float | None:
    """The longest pause between two reports of progress: that of the step, or of the agent."""
    return agent.idle_s if order.idle_s is None else order.idle_s


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
