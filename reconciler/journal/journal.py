"""The durable record of a shard's runs. Writes return futures that are done once durable; reads block."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from sqlalchemy import Delete, Table, bindparam, delete, func, select, update

from planners.model import AttemptId, StepId, TaskId
from planners.tasks import AdmittedTask
from reconciler.errors import JournalUnavailable
from reconciler.journal import statements
from reconciler.journal.admission_text import AdmissionText
from reconciler.journal.array_transactions import transactions_of
from reconciler.journal.entries import Entry, Rows
from reconciler.journal.ownership import claimed
from reconciler.journal.queries import JournalQueries
from reconciler.journal.rows import EventRow, staged_text
from reconciler.journal.schema import ATTEMPT_LOGS, EVENTS, OUTCOMES, STAGED_OUTPUTS, SUMMARIES, TASKS
from reconciler.journal.wal_checkpoints import WalCheckpoints
from reconciler.journal.writer import CommitObserver, GroupWriter
from reconciler.state.outcomes import Outcome
from reconciler.views.logs import LogBatch
from reconciler.views.models import TaskView
from reconciler.views.projections import admitted_view, summary_of

# Newest tasks that are looked at to tell whether tasks are distributed as they should be.
_SAMPLE = 256
# While the database is away, facts wait in memory, and lines only up to so many entries.
_MOST_WAITING = 2_000
# Tasks deleted in one transaction, so that no shard waits long to write.
_DELETED_AT_ONCE = 50


class Journal(JournalQueries):
    """The durable record of one shard's runs. Thread-safe."""

    def __init__(self, url: str, shard: int = 0, observer: CommitObserver | None = None) -> None:
        """Connect, and bring the schema up to date.

        Args:
            url: of the database.
            shard: whose runs these are.
            observer: hears of every transaction, in the journal's thread.

        Raises:
            JournalTooNew: a newer version has written the journal.
        """
        super().__init__(url, shard)
        self._writer = GroupWriter(transactions_of(self._engine), observer, WalCheckpoints.of(self._engine))

    @property
    def commits(self) -> int:
        """How many transactions were committed, each with one fsync."""
        return self._writer.commits

    @property
    def stalled_s(self) -> float:
        """For how long the journal has been trying to write; 0 when nothing waits to be written."""
        return self._writer.stalled_s

    @property
    def waiting(self) -> int:
        """About how many entries wait behind those that are being written."""
        return self._writer.waiting

    @property
    def last_error(self) -> str:
        """Why the latest attempt to write failed; empty if it did not fail."""
        return self._writer.last_error

    def close(self) -> None:
        """Write what is left and disconnect."""
        self._writer.close()
        self._engine.dispose()

    def claim(self, shards: int | None = None) -> None:
        """Take over the shard: from now on, entries of processes that claimed it earlier are refused (`Superseded`).

        ``shards``: how many there are, if known. Those of processes that claimed one beyond them are refused as well.
        """
        self._writer.ownership = claimed(self._engine, self._shard, shards)

    def redistribute(self, shard_of: Callable[[TaskId], int | None]) -> int:
        """Give every task to the shard that owns it now; returns how many were moved from or to this shard.

        Needed when a service starts with another number of shards than before: otherwise, tasks of shards that no
        longer exist would never end. The newest tasks tell whether there is anything to do. ``shard_of`` returns None
        for a task whose shard is unknown.
        """
        query = select(TASKS.c.id, TASKS.c.shard).order_by(TASKS.c.id.desc())
        with self._engine.connect() as connection:
            newest = connection.execute(query.limit(_SAMPLE)).all()
            if all(shard_of(row.id) in {row.shard, None} for row in newest):
                return 0
            moved = [
                {"task_id": row.id, "owner": owner}
                for row in connection.execute(query)
                if (owner := shard_of(row.id)) not in {row.shard, None} and self._shard in {owner, row.shard}
            ]
        if moved:
            to_owner = update(TASKS).where(TASKS.c.id == bindparam("task_id")).values(shard=bindparam("owner"))
            # Not in the transaction that reads: SQLite refuses its write if another connection has written meanwhile.
            with self._engine.begin() as connection:
                connection.execute(to_owner, moved)
        return len(moved)

    # ---- appending

    def admit(self, admitted: AdmittedTask, text: AdmissionText | None = None) -> Future[None]:
        """Record a task. The future fails with IntegrityError if its idempotency key is known: see `known_as`."""
        view, text = admitted_view(admitted), text or AdmissionText.of(admitted)
        row = {
            "id": admitted.id,
            "shard": self._shard,
            "submitted_at_s": admitted.submitted_at_s,
            "idempotency_key": admitted.idempotency_key,
            "body_digest": text.digest,
            "task": text.task,
            "status": view.status.value,
        }
        summary = {
            "task": admitted.id,
            "status": view.status.value,
            "submitted_at_s": admitted.submitted_at_s,
            "ended_at_s": None,
            "summary": view.model_dump_json(),
        }
        return self._writer.write(Entry({TASKS: [row], SUMMARIES: [summary]}, urgent=True, first=True))

    def append(
        self,
        task: TaskId,
        lines: Iterable[EventRow],
        outcomes: Iterable[Outcome] = (),
        *,
        staged: Mapping[AttemptId, Mapping[str, bytes]] | None = None,
        urgent: bool = False,
    ) -> Future[None]:
        """Record events, outcomes, and what attempts have staged; ``urgent`` if somebody waits for the future."""
        learned = tuple(outcomes)
        rows = Rows(lambda: [{"task": task, "outcome": outcome.model_dump_json()} for outcome in learned])
        inserts: dict[Table, Iterable[Mapping[str, Any]]] = {EVENTS: _events(task, lines), OUTCOMES: rows}
        if staged:
            inserts[STAGED_OUTPUTS] = Rows(
                lambda: [
                    {"task": task, "attempt": attempt, "data": staged_text(what)} for attempt, what in staged.items()
                ]
            )
        return self._writer.write(Entry(inserts, urgent=urgent))

    def append_logs(self, task: TaskId, step: StepId, batch: LogBatch, last_seq: int) -> Future[None]:
        """Record lines of an attempt with the next commit; ``last_seq`` is the number of the last one in the task.

        The future fails at once with JournalUnavailable if too many entries wait to be written.
        """
        if self._writer.waiting > _MOST_WAITING:
            refused: Future[None] = Future()
            refused.set_exception(JournalUnavailable("too many entries wait to be written"))
            return refused
        row = {
            "task": task,
            "last_seq": last_seq,
            "lines": batch.length,
            "attempt": batch.attempt,
            "step": step,
            "data": batch.text,
        }
        return self._writer.write(Entry({ATTEMPT_LOGS: [row]}, lazy=True))

    def promoted(self, task: TaskId, attempt: AttemptId, line: EventRow) -> Future[None]:
        """Record that what an attempt has staged is out, and delete it."""
        return self._writer.write(Entry({EVENTS: _events(task, [line])}, [statements.drop_staged(task, attempt)]))

    def end(
        self,
        view: TaskView,
        lines: Iterable[EventRow] = (),
        *,
        timeline: str | None = None,
        plans: str | None = None,
        has_staged: bool = True,
    ) -> Future[None]:
        """Record how a run ended, its last events, and what is shown of it later (timeline and plans as JSON).

        ``has_staged``: its attempts may have staged something, which is then deleted.
        """
        values = {"status": view.status.value, "view": view.model_dump_json(), "timeline": timeline, "plans": plans}
        summary = {
            "status": view.status.value,
            "ended_at_s": view.submitted_at_s + (view.ended_s or 0.0),
            "summary": summary_of(view).model_dump_json(),
        }
        changes = statements.end_task(view.id, values, summary)
        if has_staged:
            changes.append(statements.drop_all_staged(view.id))
        return self._writer.write(Entry({EVENTS: _events(view.id, lines)}, changes, urgent=True))

    def beat(self, now_s: float) -> Future[None]:
        """Write a row, to find out whether the journal can be written."""
        return self._writer.write(Entry(updates=statements.beat(self._shard, now_s), urgent=True))

    def withdraw(self, durable: Future[None]) -> bool:
        """Take back what was to be written; whether that was possible. Its future then fails."""
        return self._writer.withdraw(durable)

    # ---- retention

    def delete_ended(self, before_s: float, *, keep_outcomes: int = 50_000) -> int:
        """Delete the tasks of all shards that ended before a moment, with all their events and logs; returns how many.

        Args:
            before_s: seconds since the epoch.
            keep_outcomes: the latest outcomes of all tasks, which are kept for the learner.
        """
        ended = select(SUMMARIES.c.task).where(SUMMARIES.c.ended_at_s < before_s).order_by(SUMMARIES.c.task)
        deleted = 0
        while tasks := [row.task for row in self._all(ended.limit(_DELETED_AT_ONCE))]:
            with self._engine.begin() as connection:
                for statement in _deletions(tasks, keep_outcomes):
                    connection.execute(statement)
            deleted += len(tasks)
        return deleted

    def ended_before(self, before_s: float) -> int:
        """How many tasks `delete_ended` would delete."""
        row = self._first(select(func.count()).select_from(SUMMARIES).where(SUMMARIES.c.ended_at_s < before_s))
        return 0 if row is None else int(row[0])


def _events(task: TaskId, lines: Iterable[EventRow]) -> Rows:
    kept = tuple(lines)
    return Rows(lambda: [_row(task, line) for line in kept])


def _row(task: TaskId, line: EventRow) -> dict[str, object]:
    return {"task": task, "seq": line.seq, "at_s": line.at_s, "kind": line.kind, "data": line.text}


def _deletions(tasks: Sequence[str], keep_outcomes: int) -> list[Delete]:
    newest = select(func.max(OUTCOMES.c.id)).scalar_subquery()
    return [
        delete(EVENTS).where(EVENTS.c.task.in_(tasks)),
        delete(ATTEMPT_LOGS).where(ATTEMPT_LOGS.c.task.in_(tasks)),
        delete(OUTCOMES).where(OUTCOMES.c.task.in_(tasks), OUTCOMES.c.id <= newest - keep_outcomes),
        delete(SUMMARIES).where(SUMMARIES.c.task.in_(tasks)),
        delete(TASKS).where(TASKS.c.id.in_(tasks)),
    ]
