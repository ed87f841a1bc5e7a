"""The texts that are stored of a task when it is admitted."""

from typing import NamedTuple, Self

from planners.model import canonical_json, digest
from planners.tasks import AdmittedTask, Task


class AdmissionText(NamedTuple):
    """What is stored of a task: its JSON, and what a repeated idempotency key is compared by (empty without a key)."""

    task: str
    digest: str

    @classmethod
    def of(cls, admitted: AdmittedTask) -> Self:
        """The texts of a task; tens of milliseconds for thousands of steps."""
        # Only a task with a key is ever compared with a repeated request.
        compared = "" if admitted.idempotency_key is None else body_digest(admitted.task)
        return cls(admitted.task.model_dump_json(), compared)


def body_digest(task: Task) -> str:
    """Equal for tasks that are equal; stored with the idempotency key of a task."""
    return digest(canonical_json(task.model_dump(mode="json")))
