"""Where large outputs are kept."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from planners.model import AttemptId, TaskId


@dataclass(frozen=True, slots=True)
class StoredOutput:
    """What a store that outlives nodes and processes returns for an output. Awaiting it gives it, as references do."""

    task: TaskId
    attempt: AttemptId

    def __await__(self) -> Generator[None, None, Self]:
        return self
        yield  # makes this a generator, which is what awaiting needs


class PayloadStore(Protocol):
    """Keeps the JSON of large outputs. Travels to every process that runs attempts, so it must be small and pickle.

    ``blocks``: whether keeping and reading may take long, so that an event loop leaves it to a thread.
    """

    blocks: ClassVar[bool]

    def keep(self, task: TaskId, attempt: AttemptId, body: bytes) -> Any:
        """Keep an output, in the process that produced it. What is returned takes its place and must pickle.

        A `StoredOutput` outlives the process and its node.
        """
        ...

    def read(self, kept: Any) -> bytes:
        """The output, in the process that needs it.

        Raises:
            OutputGone: it is not available any more.
        """
        ...

    def drop(self, kept: Any) -> None:
        """Nobody will read this output any more. ``kept`` is what the executor holds; does not block."""
        ...


@dataclass(frozen=True, slots=True)
class ReturnedPayloads:
    """Keeps outputs as return values: on Ray, in the object store of the node that produced them.

    They are gone with that node, or with the process of the executor.
    """

    blocks: ClassVar[bool] = False

    def keep(self, task: TaskId, attempt: AttemptId, body: bytes) -> bytes:
        """The output itself."""
        return body

    def read(self, kept: bytes) -> bytes:
        """The output itself."""
        return kept

    def drop(self, kept: Any) -> None:
        """Ray frees an object when its last reference goes."""
