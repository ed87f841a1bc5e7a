"""What a shard needs of a journal. Writes return futures that are done once durable; reads may block."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Protocol

from planners.model import AttemptId, StepId, TaskId
from planners.tasks import AdmittedTask
from reconciler.journal.admission_text import AdmissionText
from reconciler.journal.log_rows import StoredLogs
from reconciler.journal.rows import EventRow
from reconciler.state.outcomes import Outcome
from reconciler.views.logs import LogBatch
from reconciler.views.models import PlansView, StoredEvent, TaskFilter, TaskView, Timeline

# What to do about a journal that cannot be written or read.
HOW_TO_HEAL = "see that its database runs and its disk has room (`forerun doctor`); the service recovers by itself"


class RunJournal(StoredLogs, Protocol):
    """The record of one shard's runs. Thread-safe. `Journal` describes each method."""

    @property
    def stalled_s(self) -> float:
        """For how long the journal has been trying to write; 0 when nothing waits to be written."""
        ...

    @property
    def last_error(self) -> str:
        """Why the latest attempt to write failed; empty if it did not fail."""
        ...

    @property
    def waiting(self) -> int:
        """About how many entries wait behind those that are being written."""
        ...

    def size_bytes(self) -> int:
        """How large the database is. Blocks."""
        ...

    def beat(self, now_s: float) -> Future[None]:
        """Write a row, to find out whether the journal can be written."""
        ...

    def withdraw(self, durable: Future[None]) -> bool:
        """Take back what was to be written; whether that was possible. Its future then fails."""
        ...

    def admit(self, admitted: AdmittedTask, text: AdmissionText | None = None) -> Future[None]:
        """Record a task. ``text``: where it has been made before."""
        ...

    def append(
        self,
        task: TaskId,
        lines: Iterable[EventRow],
        outcomes: Iterable[Outcome] = (),
        *,
        staged: Mapping[AttemptId, Mapping[str, bytes]] | None = None,
        urgent: bool = False,
    ) -> Future[None]:
        """Record events, outcomes, and what attempts have staged."""
        ...

    def append_logs(self, task: TaskId, step: StepId, batch: LogBatch, last_seq: int) -> Future[None]:
        """Record lines of an attempt."""
        ...

    def promoted(self, task: TaskId, attempt: AttemptId, line: EventRow) -> Future[None]:
        """Record that what an attempt has staged is out."""
        ...

    def end(
        self,
        view: TaskView,
        lines: Iterable[EventRow] = (),
        *,
        timeline: str | None = None,
        plans: str | None = None,
        has_staged: bool = True,
    ) -> Future[None]:
        """Record how a run ended."""
        ...

    def known_as(self, admitted: AdmittedTask) -> TaskId | None:
        """The task that was admitted with this idempotency key.

        Raises:
            IdempotencyConflict: the key was used with another body.
        """
        ...

    def admitted(self, task: TaskId) -> AdmittedTask | None:
        """The task as it was submitted."""
        ...

    def view(self, task: TaskId) -> TaskView | None:
        """One task."""
        ...

    def page(self, limit: int, before: str | None = None, where: TaskFilter = ...) -> list[TaskView]:
        """Tasks without outputs, newest first."""
        ...

    def unfinished(self) -> list[AdmittedTask]:
        """The tasks that have not ended, oldest first."""
        ...

    def events(
        self, task: TaskId, after: int = 0, kinds: Sequence[str] = (), limit: int | None = None
    ) -> list[StoredEvent]:
        """A task's events after a sequence number."""
        ...

    def event_rows(
        self, task: TaskId, after: int = 0, kinds: Sequence[str] = (), limit: int | None = None
    ) -> list[EventRow]:
        """As `events`, with their data as text."""
        ...

    def last_seq(self, task: TaskId) -> int:
        """The number of a task's last event; 0 if it has none."""
        ...

    def staged(self, task: TaskId) -> dict[AttemptId, dict[str, bytes]]:
        """What attempts have staged and what is not known to be out."""
        ...

    def timeline(self, task: TaskId) -> Timeline:
        """All attempts of an ended task."""
        ...

    def plans_of(self, task: TaskId) -> PlansView:
        """The plans of an ended task."""
        ...

    def close(self) -> None:
        """Write what is left and disconnect."""
        ...
