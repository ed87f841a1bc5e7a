"""What an agent can know about the attempt it runs. A parameter annotated `Context` receives it."""

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pydantic import JsonValue

from actors.environment import declared_variables
from actors.errors import BadOutput, MissingVariable, NoCallback
from actors.logs.attempt_capture import AttemptCapture
from actors.mailbox import AttemptMailbox, mailbox_of
from planners.model import AgentName, AttemptId, TaskId, WorkKey
from reconciler.state.messages import MailboxMessage

# The journal keeps what is staged until it is promoted.
MAX_STAGED_BYTES = 1024 * 1024
MAX_ARTEFACT_CHARS = 32_000
_NOTHING: Mapping[str, bytes] = MappingProxyType({})
_NUMBER = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Context:
    """The attempt, the agent's settings and variables from the catalog, and the staging area.

    ``idempotency_key``: send it with every request that must not take effect twice. It names the attempt, and for work
    that may be done again also the work.

    ``refusal`` says why the output of the attempt before was refused, by its schema or by the step's ``check``; empty
    the first time.

    ``callbacks``: the callbacks that wait behind the step, with their addresses; see `callback_url`.

    ``speculative`` is how the attempt was dispatched; it may have been confirmed since. ``env`` holds the environment
    variables that the agent's catalog entry names, as far as they are set on the node. ``capture`` takes what is told
    while the attempt runs; None: nobody listens. ``mailbox`` is what the methods about messages use.
    """

    task: TaskId
    attempt: AttemptId
    agent: AgentName
    work_key: WorkKey
    idempotency_key: str = ""
    speculative: bool = False
    refusal: str = ""
    settings: Mapping[str, JsonValue] = field(default_factory=dict)
    staged: Mapping[str, bytes] = field(default_factory=lambda: _NOTHING)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    mailbox: AttemptMailbox | None = field(default=None, repr=False, compare=False)
    callbacks: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    capture: AttemptCapture | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.idempotency_key:
            object.__setattr__(self, "idempotency_key", self.attempt)

    @classmethod
    def of_catalog(cls, agent: str, env: Iterable[str]) -> "Context":
        """A context outside any attempt, for what is done when a catalog is read or checked."""
        return cls(TaskId(""), AttemptId("catalog"), AgentName(agent), WorkKey(""), env=declared_variables(env))

    def secret(self, name: str) -> str:
        """The value of an environment variable that the agent's catalog entry names.

        Raises:
            MissingVariable: the entry does not name it, or it is not set on this node.
        """
        try:
            return self.env[name]
        except KeyError:
            fix = f"add {name} to env of the catalog entry, and set it, {name}_FILE or {name}_COMMAND on every node"
            raise MissingVariable(f"agent '{self.agent}' has no variable {name}", "env", fix) from None

    def callback_url(self, name: str = "") -> str:
        """The signed address at which an outside system answers a callback that is declared ``after`` this step.

        Args:
            name: the id of the callback, as it is declared; needed if there are several.

        Raises:
            NoCallback: there is no such callback, or the service does not run.
        """
        return self._callback(name)["url"]

    def heartbeat_url(self, name: str = "") -> str:
        """The signed address to which the outside system sends heartbeats; see `callback_url`."""
        return self._callback(name)["heartbeat_url"]

    def _callback(self, name: str) -> Mapping[str, str]:
        found = [one for step, one in self.callbacks.items() if not name or name in (step, _declared_as(step))]
        if len(found) == 1:
            return found[0]
        known = ", ".join(map(repr, self.callbacks)) or "none"
        what = f"no callback '{name}' waits" if name else "there is not exactly one callback that waits"
        fix = "declare a callback with `after: [this step]`, and run the task in a service"
        raise NoCallback(f"{what} behind this step (there is {known})", "callback", fix)

    def progress(self, message: str = "", done: float | None = None) -> None:
        """Tell how far the attempt is. The timeline shows the latest; all are in the log. Thread-safe, never raises.

        Args:
            message: what is being done.
            done: the share that is done, 0..1; None if it is not known.
        """
        if self.capture is not None:
            self.capture.progress(message, done)

    def artefact(self, name: str, content: str) -> None:
        """Show a result while the attempt still runs: a short text, or the address of something large. Thread-safe.

        Raises:
            BadOutput: it has more than `MAX_ARTEFACT_CHARS` characters.
        """
        if len(content) > MAX_ARTEFACT_CHARS:
            message = (
                f"the artefact '{name}' has {len(content)} characters, and at most {MAX_ARTEFACT_CHARS} are allowed"
            )
            fix = "write it to a file or a store, and show its address"
            raise BadOutput(message, "artefact", fix)
        if self.capture is not None:
            self.capture.artefact(name, content)

    def publish(self, topic: str, body: JsonValue = None) -> None:
        """Tell something to all steps that subscribe to a topic. They get it once a plan confirms this attempt.

        Call this, and what follows, on the event loop of the agent.

        Raises:
            NoMailbox: the step has none.
            BadOutput: the step does not publish the topic, or the message is too large, or one too many.
        """
        mailbox_of(self.mailbox, self.agent).publish(topic, body)

    async def receive(self, topic: str, timeout_s: float | None = 60.0) -> MailboxMessage:
        """The next message of a topic; each attempt gets all of them, from the first on.

        A message may come again under its id, when the attempt that has published it is repeated.

        Raises:
            NoMailbox: the step has none.
            BadOutput: the step does not subscribe to the topic.
            TimeoutError: none has come.
        """
        return await mailbox_of(self.mailbox, self.agent).receive(topic, timeout_s)

    def messages(self, topic: str) -> AsyncIterator[MailboxMessage]:
        """The messages of a topic as they come, without an end; see `receive`."""
        return mailbox_of(self.mailbox, self.agent).messages(topic)

    async def request(self, topic: str, body: JsonValue = None, timeout_s: float | None = 60.0) -> JsonValue:
        """Publish a message, and wait for the first reply to it.

        Raises:
            NoMailbox, BadOutput: see `publish`.
            TimeoutError: nobody has replied.
        """
        return await mailbox_of(self.mailbox, self.agent).request(topic, body, timeout_s)

    def reply(self, to: MailboxMessage, body: JsonValue = None) -> None:
        """Answer a message; only the step that has published it gets the reply. Raises as `publish` does."""
        mailbox_of(self.mailbox, self.agent).reply(to, body)

    def stage(self, name: str, data: bytes) -> None:
        """Stage an effect. The agent's ``promote`` hook receives it at commit; a flushed attempt drops it.

        Raises:
            BadOutput: it is not bytes under a valid name, or the attempt has staged more than `MAX_STAGED_BYTES`.
        """
        if not isinstance(data, bytes):
            raise BadOutput(f"staged '{name}' as {type(data).__name__}", "stage", "stage bytes")
        size = _name_bytes(name) + len(data)
        size += sum(len(other.encode()) + len(what) for other, what in self.staged.items() if other != name)
        if size > MAX_STAGED_BYTES:
            message = f"the attempt stages {size} bytes, and at most {MAX_STAGED_BYTES} are allowed"
            fix = "write large data to a file or an object store, and stage its address"
            raise BadOutput(message, "stage", fix)
        object.__setattr__(self, "staged", {**self.staged, name: data})


def _declared_as(step: str) -> str:
    """The id of a step inside the innermost workflow, without the numbers of fan-outs."""
    return _NUMBER.sub("", step.rpartition("/")[2])


def _name_bytes(name: str) -> int:
    try:
        return len(name.encode())
    except UnicodeEncodeError as error:
        raise BadOutput("the name is not valid Unicode", "stage", "stage under another name") from error
