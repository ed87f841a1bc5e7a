"""What an agent can know about the attempt it runs. A parameter annotated `Context` receives it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from planners.model import AgentName, AttemptId, TaskId, WorkKey


@dataclass(frozen=True)
class Context:
    """The attempt, the agent's settings from the catalog, and the staging area.

    ``speculative`` is how the attempt was dispatched; it may have been confirmed since.
    """

    task: TaskId
    attempt: AttemptId
    agent: AgentName
    work_key: WorkKey
    speculative: bool = False
    settings: Mapping[str, JsonValue] = field(default_factory=dict)
    staged: dict[str, bytes] = field(default_factory=dict)

    @property
    def idempotency_key(self) -> str:
        """Send this with every request that must not take effect twice. It is the id of the attempt."""
        return self.attempt

    def stage(self, name: str, data: bytes) -> None:
        """Stage an effect. The agent's ``promote`` hook receives it at commit; a flushed attempt drops it."""
        self.staged[name] = data
