"""The data that travels to the process of an agent and back. All of it has a version."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from pydantic import JsonValue

from actors.context import Context
from actors.environment import declared_variables
from actors.logs.current import progress_capture
from actors.logs.limits import LogLimits
from actors.mailbox import AttemptMailbox
from actors.payloads.slots import ComputedSlot, InputSlot, compute, fill
from actors.payloads.store import PayloadStore, ReturnedPayloads
from planners.agents import AgentKind, AgentSpec
from planners.model import AgentName, AttemptId, NodeId, StepId, TaskId, WorkKey
from planners.policies import Compact
from planners.topics import MailboxTopics
from reconciler.state.handoff import Failure, Handoff
from reconciler.views.logs import LogBatch

_NO_STEP = StepId("")
_NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Invocation:
    """One attempt, as its host sees it. An output whose JSON exceeds ``inline_bytes`` travels by reference.

    ``logs``: how much of what it prints and logs is kept; None: nothing is captured. ``executor``: a name of its own.
    ``check``: what its output must fulfil. ``writes``: the keys that the context of its handoff must hold.
    ``compact``: which input is passed on if it is short. ``mailbox``: what it publishes and hears, as ``step``.
    ``refusal``: why the output before this one was refused.
    ``watched``: the agent declares no effect, so its host notices if it has one.
    ``tools``: the agents that a language model may call in it.
    ``callbacks``: step -> the addresses of the callback that waits behind it.
    ``proposes``: what its handoff proposes is run; otherwise its host notices if it proposes something.
    """

    task: TaskId
    attempt: AttemptId
    agent: AgentName
    kind: AgentKind
    target: str | tuple[str, ...]
    work_key: WorkKey
    inputs: dict[str, JsonValue]
    slots: tuple[InputSlot, ...] = ()
    computed: tuple[ComputedSlot, ...] = ()
    settings: dict[str, JsonValue] = field(default_factory=dict)
    env: tuple[str, ...] = ()
    idempotency_key: str = ""
    speculative: bool = False
    timeout_s: float | None = None
    inline_bytes: int = 16 * 1024
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None
    payloads: PayloadStore = field(default_factory=ReturnedPayloads)
    node: NodeId | None = None
    logs: LogLimits | None = None
    executor: str = ""
    watched: bool = False
    check: str | None = None
    writes: tuple[str, ...] = ()
    compact: Compact | None = None
    mailbox: MailboxTopics | None = None
    step: StepId = _NO_STEP
    refusal: str = ""
    tools: tuple[AgentSpec, ...] = ()
    callbacks: dict[str, dict[str, str]] = field(default_factory=dict)
    proposes: bool = False
    v: int = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Made anew from its values, which takes half as long as what a frozen dataclass does by itself."""
        return Invocation, _values_of(self)

    def context(self, mailbox: AttemptMailbox | None = None) -> Context:
        """The agent's view of the attempt."""
        return Context(
            task=self.task,
            attempt=self.attempt,
            agent=self.agent,
            work_key=self.work_key,
            idempotency_key=self.idempotency_key,
            speculative=self.speculative,
            refusal=self.refusal,
            settings=self.settings,
            mailbox=mailbox,
            callbacks=self.callbacks,
            env=declared_variables(self.env) if self.env else _NO_VARIABLES,
            capture=progress_capture() if self.logs is not None else None,
        )

    def filled(self, blobs: tuple[Any, ...]) -> dict[str, Any]:
        """The inputs with every slot filled from the referenced outputs. Each output is read and parsed once.

        Raises:
            LookupError: a path does not exist in its output, or an output is gone.
            BadInput: an expression has no value.
        """
        fill(self.inputs, self.slots, blobs, self.payloads)
        compute(self.inputs, self.computed)
        return self.inputs


_values_of = attrgetter(*(one.name for one in fields(Invocation)))


@dataclass(frozen=True, slots=True)
class Began:
    """An attempt has begun in a process of its own. ``stack``: see `actors.executor.process_remains`."""

    pid: int
    stack: str = ""
    v: int = 1


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended, with exactly one of handoff and failure.

    ``staged``: it has effects to promote. ``logs``: what it has printed and logged and what has not arrived yet.
    ``notices``: what its process has noticed about the agent; see `actors.notices`.
    """

    seconds: float
    handoff: Handoff | None = None
    failure: Failure | None = None
    staged: bool = False
    logs: tuple[LogBatch, ...] = ()
    notices: tuple[str, ...] = ()
    v: int = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Most attempts return an output and nothing else, which then is all that travels of their handoff."""
        handoff = self.handoff
        if handoff is None or not handoff.model_fields_set <= _BARE:
            return Ended, (self.seconds, handoff, self.failure, self.staged, self.logs, self.notices)
        output = handoff.output, handoff.by_reference, handoff.output_bytes
        return _returned, (self.seconds, *output, self.staged, self.logs, self.notices)


_NO_WORDS = Handoff()
_BARE = frozenset({"output", "by_reference", "output_bytes"})


def _returned(  # noqa: PLR0913, PLR0917 -- by position, which is what travels
    seconds: float,
    output: JsonValue,
    by_reference: bool,  # noqa: FBT001 -- see above
    output_bytes: int,
    staged: bool,  # noqa: FBT001 -- see above
    logs: tuple[LogBatch, ...],
    notices: tuple[str, ...],
) -> Ended:
    """The end of an attempt that has returned an output."""
    # Not validated again: what was sent could otherwise fail to arrive.
    known = {"output": output, "by_reference": by_reference, "output_bytes": output_bytes}
    handoff = _NO_WORDS.model_copy(update=known)
    return Ended(seconds, handoff, None, staged, logs, notices)


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt ended, and what travels apart: a large output as its store keeps it, and staged effects."""

    ended: Ended
    body: Any = None
    staged: dict[str, bytes] | None = None

    def with_logs(self, logs: tuple[LogBatch, ...]) -> "Result":
        """The same, with what the attempt has printed and logged."""
        return replace(self, ended=replace(self.ended, logs=logs)) if logs else self
