"""What an agent may know of the attempt it serves. A parameter annotated `Context` receives it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from planners.model import AgentName, AttemptId, TaskId, WorkKey


@dataclass(frozen=True)
class Context:
    """The attempt an agent serves, its settings from the catalog, and its staging area.

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
        """Send this with every request that must not take effect twice."""
        return self.attempt

    def stage(self, name: str, data: bytes) -> None:
        """Put an effect aside: the agent's ``promote`` gets it at commit; when the attempt is flushed it is dropped."""
        self.staged[name] = data
