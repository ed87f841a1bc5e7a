"""Appending to the journal and reading it. Writes return futures that are done once durable; reads block."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError
from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.exc import IntegrityError

from planners.model import TaskId, canonical_json, digest
from planners.plans import Plan
from planners.tasks import AdmittedTask, Task
from reconciler.errors import IdempotencyConflict
from reconciler.journal.schema import EVENTS, OUTCOMES, TASKS, open_engine
from reconciler.journal.writer import Entry, GroupWriter
from reconciler.state.commands import RunStatus
from reconciler.state.outcomes import Outcome
from reconciler.views.models import PlansView, StoredEvent, TaskView, Timeline

# Tasks that tell whether they are distributed as they should be.
_TELLING = 256
_log = logging.getLogger(__name__)
# Rows of a page that may turn out unreadable before it seems to be the last one.
_UNREADABLE = 20
_Read = TypeVar("_Read")


class TaskRecord(NamedTuple):
    """A row of the tasks table; the last three are JSON texts and there once the run has ended."""

    admitted: AdmittedTask
    status: RunStatus
    view: str | None
    timeline: str | None
    plans: str | None


class EventRow(NamedTuple):
    """One fact of a run as it is written; ``text`` is its data as JSON. Kept as text: most lines are never read."""

    seq: int
    at_s: float
    kind: str
    text: str

    def told(self) -> StoredEvent:
        """As readers see it."""
        return StoredEvent(seq=self.seq, at_s=self.at_s, kind=self.kind, data=json.loads(self.text))


class Journal:
    """The durable record of one shard's runs. Thread-safe."""

    def __init__(self, url: str, shard: int = 0) -> None:
        self._engine = open_engine(url)
        self._writer = GroupWriter(self._engine)
        self._shard = shard

    def close(self) -> None:
        """Write what is left and disconnect."""
        self._writer.close()
        self._engine.dispose()

    def redistribute(self, shard_of: Callable[[TaskId], int | None]) -> int:
        """Take the tasks that are this shard's and give away those that are not, by whose they are now; how many.

        For a service that starts with another number of shards than before: without it, tasks of shards that are no
        more would never end. Whether there is anything to do the newest tasks tell. None: whose it is nobody knows.
        """
        query = select(TASKS.c.id, TASKS.c.shard).order_by(TASKS.c.id.desc())
        with self._engine.connect() as connection:
            newest = connection.execute(query.limit(_TELLING)).all()
            if all(shard_of(row.id) in {row.shard, None} for row in newest):
                return 0
            moved = [
                {"task_id": row.id, "owner": owner}
                for row in connection.execute(query)
                if (owner := shard_of(row.id)) not in {row.shard, None} and self._shard in {owner, row.shard}
            ]
        if moved:
            to_owner = update(TASKS).where(TASKS.c.id == bindparam("task_id")).values(shard=bindparam("owner"))
            # Apart from the reading: SQLite lets no transaction that has read write behind another that has written.
            with self._engine.begin() as connection:
                connection.execute(to_owner, moved)
        return len(moved)

    # ---- appending

    def admit(self, admitted: AdmittedTask) -> Future[None]:
        """Record a task. The future fails with IntegrityError when its idempotency key is known: see `known_as`."""
        row = {
            "id": admitted.id,
            "shard": self._shard,
            "submitted_at_s": admitted.submitted_at_s,
            "idempotency_key": admitted.idempotency_key,
            "body_digest": _body_digest(admitted.task),
            "task": admitted.task.model_dump_json(),
            "status": RunStatus.PLANNING.value,
        }
        return self._writer.write(Entry({TASKS: [row]}, urgent=True))

    def append(
        self, task: TaskId, lines: Iterable[EventRow], outcomes: Iterable[Outcome] = (), *, urgent: bool = False
    ) -> Future[None]:
        """Record what has happened and what was learned from it; ``urgent`` where the future will be waited for."""
        rows = [
            {"task": task, "seq": line.seq, "at_s": line.at_s, "kind": line.kind, "data": line.text} for line in lines
        ]
        learned = [{"task": task, "outcome": outcome.model_dump_json()} for outcome in outcomes]
        return self._writer.write(Entry({EVENTS: rows, OUTCOMES: learned}, urgent=urgent))

    def end(self, view: TaskView, timeline: Timeline, plans: PlansView) -> Future[None]:
        """Record how a run ended and what is to be shown of it."""
        values = {
            "status": view.status.value,
            "view": view.model_dump_json(),
            "timeline": timeline.model_dump_json(),
            "plans": plans.model_dump_json(),
        }
        ended = update(TASKS).where(TASKS.c.id == view.id).values(values)
        return self._writer.write(Entry(updates=[ended], urgent=True))

    # ---- reading

    def known_as(self, admitted: AdmittedTask) -> TaskId | None:
        """The task that was admitted with this idempotency key, if there is one.

        Raises:
            IdempotencyConflict: the key was used with another body.
        """
        query = select(TASKS.c.id, TASKS.c.body_digest).where(TASKS.c.idempotency_key == admitted.idempotency_key)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        if row.body_digest != _body_digest(admitted.task):
            raise IdempotencyConflict(
                "the key was used before with another task", "Idempotency-Key", "use a new key for a new task"
            )
        return TaskId(row.id)

    def find(self, task: TaskId) -> TaskRecord | None:
        """One task."""
        with self._engine.connect() as connection:
            row = connection.execute(select(TASKS).where(TASKS.c.id == task)).first()
        return None if row is None else _record(row)

    def page(self, limit: int, before: str | None = None, status: RunStatus | None = None) -> list[TaskRecord]:
        """This shard's tasks, newest first (ids sort by admission)."""
        query = select(TASKS).where(TASKS.c.shard == self._shard).order_by(TASKS.c.id.desc())
        query = query.limit(limit + _UNREADABLE)
        if before is not None:
            query = query.where(TASKS.c.id < before)
        if status is not None:
            live = (RunStatus.PLANNING.value, RunStatus.RUNNING.value)
            query = query.where(TASKS.c.status.in_((status.value,) if status.ended else live))
        with self._engine.connect() as connection:
            return list(_readable(connection.execute(query), _record))[:limit]

    def unfinished(self) -> list[AdmittedTask]:
        """This shard's tasks that have not ended, oldest first."""
        live = (RunStatus.PLANNING.value, RunStatus.RUNNING.value)
        query = select(TASKS).where(TASKS.c.shard == self._shard, TASKS.c.status.in_(live)).order_by(TASKS.c.id)
        with self._engine.connect() as connection:
            return [record.admitted for record in _readable(connection.execute(query), _record)]

    def events(self, task: TaskId, after: int = 0, kinds: Sequence[str] = ()) -> list[StoredEvent]:
        """A task's events after a sequence number, in order."""
        query = select(EVENTS).where(EVENTS.c.task == task, EVENTS.c.seq > after).order_by(EVENTS.c.seq)
        if kinds:
            query = query.where(EVENTS.c.kind.in_(kinds))
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [EventRow(row.seq, row.at_s, row.kind, row.data).told() for row in rows]

    def plans(self, most: int) -> Iterator[tuple[Task, Plan]]:
        """The latest tasks of this shard that ended well with the optimal plan each got, oldest first."""
        query = (
            select(TASKS.c.task, TASKS.c.plans)
            .where(TASKS.c.shard == self._shard, TASKS.c.status == RunStatus.SUCCEEDED.value)
            .order_by(TASKS.c.id.desc())
            .limit(most)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        for task, plan in _readable(rows[::-1], _planned):
            if plan is not None:
                yield task, plan

    def outcomes(self, most: int) -> Iterator[Outcome]:
        """The latest outcomes of all shards, oldest first."""
        query = select(OUTCOMES.c.outcome).order_by(OUTCOMES.c.id.desc()).limit(most)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        yield from _readable(rows[::-1], lambda row: Outcome.model_validate_json(row.outcome))


def _body_digest(task: Task) -> str:
    return digest(canonical_json(task.model_dump(mode="json")))


def _readable(rows: Iterable[Any], read: Callable[[Any], _Read]) -> Iterator[_Read]:
    """What can be read. A row that another release has written, or that is damaged, must not hide all others."""
    for row in rows:
        try:
            yield read(row)
        except ValidationError as error:
            _log.error("a row of the journal cannot be read and is passed over: %s", error)


def _planned(row: Row[Any]) -> tuple[Task, Plan | None]:
    return Task.model_validate_json(row.task), PlansView.model_validate_json(row.plans).optimal


def _record(row: Row[Any]) -> TaskRecord:
    admitted = AdmittedTask(
        id=TaskId(row.id),
        task=Task.model_validate_json(row.task),
        submitted_at_s=row.submitted_at_s,
        idempotency_key=row.idempotency_key,
    )
    return TaskRecord(admitted, RunStatus(row.status), row.view, row.timeline, row.plans)


__all__ = ["IntegrityError", "Journal", "TaskRecord"]
