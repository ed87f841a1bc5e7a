"""A journal in memory, for runs that end with the process that drives them."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from planners.model import AttemptId, StepId, TaskId
from planners.tasks import AdmittedTask
from reconciler.errors import IdempotencyConflict
from reconciler.journal.admission_text import AdmissionText
from reconciler.journal.log_rows import LogRow
from reconciler.journal.rows import EventRow
from reconciler.state.outcomes import Outcome
from reconciler.views.logs import LogBatch
from reconciler.views.models import PlansView, StoredEvent, TaskFilter, TaskView, Timeline
from reconciler.views.projections import admitted_view, summary_of

_ALL = TaskFilter()


@dataclass
class _Recorded:
    """Everything about one task."""

    admitted: AdmittedTask
    view: TaskView
    rows: list[EventRow] = field(default_factory=list)
    logs: list[LogRow] = field(default_factory=list)
    staged: dict[AttemptId, dict[str, bytes]] = field(default_factory=dict)
    timeline: str | None = None
    plans: str | None = None


class MemoryJournal:
    """Fulfils `reconciler.journal.protocol.RunJournal` in memory. Every write is done when it returns."""

    stalled_s = 0.0
    last_error = ""
    waiting = 0

    def __init__(self) -> None:
        self._recorded: dict[TaskId, _Recorded] = {}
        self._by_key: dict[str, TaskId] = {}

    def size_bytes(self) -> int:
        """See `RunJournal`. Nothing is on a disk."""
        return 0

    # ---- writing

    def admit(self, admitted: AdmittedTask, text: AdmissionText | None = None) -> Future[None]:
        """See `RunJournal`. Refuses, as `known_as` does, what is not valid Unicode."""
        if text is None:
            admitted.task.model_dump_json()
        self._recorded[admitted.id] = _Recorded(admitted, admitted_view(admitted))
        if admitted.idempotency_key is not None:
            self._by_key[admitted.idempotency_key] = admitted.id
        return _done()

    def append(
        self,
        task: TaskId,
        lines: Iterable[EventRow],
        outcomes: Iterable[Outcome] = (),
        *,
        staged: Mapping[AttemptId, Mapping[str, bytes]] | None = None,
        urgent: bool = False,
    ) -> Future[None]:
        """See `RunJournal`. Outcomes are not kept: no learner reads them later."""
        recorded = self._recorded[task]
        recorded.rows.extend(lines)
        recorded.staged.update({attempt: dict(what) for attempt, what in (staged or {}).items()})
        return _done()

    def append_logs(self, task: TaskId, step: StepId, batch: LogBatch, last_seq: int) -> Future[None]:
        """See `RunJournal`."""
        self._recorded[task].logs.append(LogRow(last_seq, batch.length, batch.attempt, step, batch.text))
        return _done()

    def promoted(self, task: TaskId, attempt: AttemptId, line: EventRow) -> Future[None]:
        """See `RunJournal`."""
        recorded = self._recorded[task]
        recorded.rows.append(line)
        recorded.staged.pop(attempt, None)
        return _done()

    def end(
        self,
        view: TaskView,
        lines: Iterable[EventRow] = (),
        *,
        timeline: str | None = None,
        plans: str | None = None,
        has_staged: bool = True,
    ) -> Future[None]:
        """See `RunJournal`."""
        recorded = self._recorded[view.id]
        recorded.rows.extend(lines)
        recorded.view, recorded.timeline, recorded.plans = view, timeline, plans
        recorded.staged.clear()
        return _done()

    def beat(self, now_s: float) -> Future[None]:
        """See `RunJournal`."""
        return _done()

    def withdraw(self, durable: Future[None]) -> bool:
        """See `RunJournal`. Everything is written already."""
        return False

    def close(self) -> None:
        """Do nothing: nothing is held back."""

    # ---- reading

    def known_as(self, admitted: AdmittedTask) -> TaskId | None:
        """See `RunJournal`."""
        known = None if admitted.idempotency_key is None else self._by_key.get(admitted.idempotency_key)
        if known is not None and self._recorded[known].admitted.task != admitted.task:
            raise IdempotencyConflict(
                "the key was used before with another task", "Idempotency-Key", "use a new key for a new task"
            )
        return known

    def admitted(self, task: TaskId) -> AdmittedTask | None:
        """See `RunJournal`."""
        recorded = self._recorded.get(task)
        return None if recorded is None else recorded.admitted

    def view(self, task: TaskId) -> TaskView | None:
        """See `RunJournal`."""
        recorded = self._recorded.get(task)
        return None if recorded is None else recorded.view

    def page(self, limit: int, before: str | None = None, where: TaskFilter = _ALL) -> list[TaskView]:
        """See `RunJournal`."""
        found = (
            summary_of(recorded.view)
            for task, recorded in sorted(self._recorded.items(), reverse=True)
            if (before is None or task < before) and _matches(recorded.view, where)
        )
        return [view for _, view in zip(range(limit), found, strict=False)]

    def unfinished(self) -> list[AdmittedTask]:
        """See `RunJournal`."""
        return [recorded.admitted for recorded in self._recorded.values() if not recorded.view.status.ended]

    def events(
        self, task: TaskId, after: int = 0, kinds: Sequence[str] = (), limit: int | None = None
    ) -> list[StoredEvent]:
        """See `RunJournal`."""
        return [row.parsed() for row in self.event_rows(task, after, kinds, limit)]

    def event_rows(
        self, task: TaskId, after: int = 0, kinds: Sequence[str] = (), limit: int | None = None
    ) -> list[EventRow]:
        """See `RunJournal`."""
        rows = self._recorded[task].rows if task in self._recorded else []
        return [row for row in rows if row.seq > after and (not kinds or row.kind in kinds)][:limit]

    def last_seq(self, task: TaskId) -> int:
        """See `RunJournal`."""
        return max((row.seq for row in self.event_rows(task)), default=0)

    def staged(self, task: TaskId) -> dict[AttemptId, dict[str, bytes]]:
        """See `RunJournal`."""
        return dict(self._recorded[task].staged) if task in self._recorded else {}

    def log_rows(self, task: TaskId, after: int, most: int) -> list[LogRow]:
        """See `StoredLogs`."""
        return [row for row in self._logs(task) if row.last_seq > after][:most]

    def newest_log_rows(self, task: TaskId, before: int, most: int) -> list[LogRow]:
        """See `StoredLogs`."""
        return [row for row in reversed(self._logs(task)) if row.last_seq < before][:most]

    def last_log_seq(self, task: TaskId) -> int:
        """See `StoredLogs`."""
        return max((row.last_seq for row in self._logs(task)), default=0)

    def _logs(self, task: TaskId) -> list[LogRow]:
        return self._recorded[task].logs if task in self._recorded else []

    def timeline(self, task: TaskId) -> Timeline:
        """See `RunJournal`."""
        recorded = self._recorded.get(task)
        if recorded is None or recorded.timeline is None:
            return Timeline(task=task, bars=())
        return Timeline.model_validate_json(recorded.timeline)

    def plans_of(self, task: TaskId) -> PlansView:
        """See `RunJournal`."""
        recorded = self._recorded.get(task)
        if recorded is None or recorded.plans is None:
            return PlansView(task=task)
        return PlansView.model_validate_json(recorded.plans)


def _matches(view: TaskView, where: TaskFilter) -> bool:
    """As in the database, tasks that have not ended are not told apart by status."""
    if not where.describes(view):
        return False
    return where.status is None or (view.status is where.status if where.status.ended else not view.status.ended)


def _done() -> Future[None]:
    done: Future[None] = Future()
    done.set_result(None)
    return done
