"""Reading the journal. Every method blocks, so an event loop calls them in threads."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, Row, Select, Text, case, cast, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import OperationalError

from planners.model import AttemptId, StepId, TaskId
from planners.plans import Plan
from planners.tasks import AdmittedTask, Task
from reconciler.errors import IdempotencyConflict, JournalUnavailable
from reconciler.journal.admission_text import body_digest
from reconciler.journal.log_rows import LogRow
from reconciler.journal.protocol import HOW_TO_HEAL
from reconciler.journal.rows import EventRow, staged_from
from reconciler.journal.schema import ATTEMPT_LOGS, EVENTS, OUTCOMES, STAGED_OUTPUTS, SUMMARIES, TASKS, open_engine
from reconciler.state.commands import RunStatus
from reconciler.state.outcomes import Outcome
from reconciler.views.models import PlansView, StoredEvent, TaskFilter, TaskView, Timeline

_ALL = TaskFilter()
# A JSON document of PostgreSQL holds no zero byte, which a name, or the message of a failure, may have: one such task
# would make every search among all of them fail. A backslash before it that is escaped itself is no part of it.
_ZERO, _ANY_ZERO = "\\u0000", r"(?<!\\)((?:\\\\)*)\\u0000"
_WITHOUT_ZEROS = case(
    (func.strpos(SUMMARIES.c.summary, _ZERO) > 0, func.regexp_replace(SUMMARIES.c.summary, _ANY_ZERO, r"\1", "g")),
    else_=SUMMARIES.c.summary,
)
UNENDED = tuple(status.value for status in RunStatus if not status.ended)
_log = logging.getLogger(__name__)
_Read = TypeVar("_Read")


class JournalQueries:
    """The reading half of a journal. Thread-safe."""

    def __init__(self, url: str, shard: int) -> None:
        self._engine = open_engine(url)
        self._shard = shard

    # ---- tasks

    def known_as(self, admitted: AdmittedTask) -> TaskId | None:
        """The task that was admitted with this idempotency key, if there is one.

        Raises:
            IdempotencyConflict: the key was used with another body.
        """
        row = self._first(
            select(TASKS.c.id, TASKS.c.body_digest).where(TASKS.c.idempotency_key == admitted.idempotency_key)
        )
        if row is None:
            return None
        if row.body_digest != body_digest(admitted.task):
            raise IdempotencyConflict(
                "the key was used before with another task", "Idempotency-Key", "use a new key for a new task"
            )
        return TaskId(row.id)

    def admitted(self, task: TaskId) -> AdmittedTask | None:
        """The task as it was submitted."""
        row = self._first(_ADMITTED.where(TASKS.c.id == task))
        return None if row is None else _admitted(row)

    def view(self, task: TaskId) -> TaskView | None:
        """One task: with outputs if it has ended and they can be read."""
        query = select(TASKS.c.view, *SUMMARIES.c).where(TASKS.c.id == task)
        row = self._first(query.join(SUMMARIES, SUMMARIES.c.task == TASKS.c.id))
        if row is None:
            return None
        if row.view is not None:
            for view in _readable([row.view], TaskView.model_validate_json):
                return view
        return _summary(row)

    def page(self, limit: int, before: str | None = None, where: TaskFilter = _ALL) -> list[TaskView]:
        """This shard's tasks without outputs, newest first: ids sort by admission."""
        query = select(*SUMMARIES.c).join(TASKS, SUMMARIES.c.task == TASKS.c.id).where(TASKS.c.shard == self._shard)
        if before is not None:
            query = query.where(TASKS.c.id < before)
        if where.status is not None:
            statuses = (where.status.value,) if where.status.ended else UNENDED
            query = query.where(TASKS.c.status.in_(statuses))
        if where.text:
            query = query.where(or_(TASKS.c.id.contains(where.text, autoescape=True), *self._names_hold(where.text)))
        for key, value in where.labels.items():
            query = query.where(self._field("labels", key) == value)
        return [_summary(row) for row in self._all(query.order_by(TASKS.c.id.desc()).limit(limit))]

    def _names_hold(self, text: str) -> Iterator[ColumnElement[bool]]:
        """Conditions: the name, or the kind, holds a text, in upper or lower case."""
        for field in ("name", "kind"):
            yield self._field(field).icontains(text, autoescape=True)

    def _field(self, *path: str) -> ColumnElement[Any]:
        """A text in a summary. No part of a path holds a quotation mark."""
        if self._engine.dialect.name == "postgresql":
            text: ColumnElement[Any] = cast(_WITHOUT_ZEROS, JSONB)[path].astext
            return text
        return func.json_extract(SUMMARIES.c.summary, ".".join(["$", *(f'"{part}"' for part in path)]), type_=Text)

    def unfinished(self) -> list[AdmittedTask]:
        """This shard's tasks that have not ended, oldest first."""
        query = _ADMITTED.where(TASKS.c.shard == self._shard, TASKS.c.status.in_(UNENDED)).order_by(TASKS.c.id)
        return list(_readable(self._all(query), _admitted))

    # ---- details of one task

    def events(
        self, task: TaskId, after: int = 0, kinds: Sequence[str] = (), limit: int | None = None
    ) -> list[StoredEvent]:
        """A task's events after a sequence number, in order."""
        return [row.parsed() for row in self.event_rows(task, after, kinds, limit)]

    def event_rows(
        self, task: TaskId, after: int = 0, kinds: Sequence[str] = (), limit: int | None = None
    ) -> list[EventRow]:
        """As `events`, with their data as text."""
        query = select(EVENTS).where(EVENTS.c.task == task, EVENTS.c.seq > after).order_by(EVENTS.c.seq).limit(limit)
        if kinds:
            query = query.where(EVENTS.c.kind.in_(kinds))
        return [EventRow(row.seq, row.at_s, row.kind, row.data) for row in self._all(query)]

    def last_seq(self, task: TaskId) -> int:
        """The number of a task's last event; 0 if it has none."""
        row = self._first(select(func.max(EVENTS.c.seq)).where(EVENTS.c.task == task))
        return 0 if row is None or row[0] is None else int(row[0])

    def staged(self, task: TaskId) -> dict[AttemptId, dict[str, bytes]]:
        """What the finished attempts of a task have staged and what is not known to be out."""
        rows = self._all(select(STAGED_OUTPUTS).where(STAGED_OUTPUTS.c.task == task))
        return dict(_readable(rows, lambda row: (AttemptId(row.attempt), staged_from(row.data))))

    def log_rows(self, task: TaskId, after: int, most: int) -> list[LogRow]:
        """The first rows of a task's log that hold lines after a sequence number, in order."""
        query = select(ATTEMPT_LOGS).where(ATTEMPT_LOGS.c.task == task, ATTEMPT_LOGS.c.last_seq > after)
        return [_log_row(row) for row in self._all(query.order_by(ATTEMPT_LOGS.c.last_seq).limit(most))]

    def newest_log_rows(self, task: TaskId, before: int, most: int) -> list[LogRow]:
        """The rows of a task's log that end before a sequence number, newest first."""
        query = select(ATTEMPT_LOGS).where(ATTEMPT_LOGS.c.task == task, ATTEMPT_LOGS.c.last_seq < before)
        return [_log_row(row) for row in self._all(query.order_by(ATTEMPT_LOGS.c.last_seq.desc()).limit(most))]

    def last_log_seq(self, task: TaskId) -> int:
        """The number of the last line of a task's log; 0 if there is none."""
        row = self._first(select(func.max(ATTEMPT_LOGS.c.last_seq)).where(ATTEMPT_LOGS.c.task == task))
        return 0 if row is None or row[0] is None else int(row[0])

    def timeline(self, task: TaskId) -> Timeline:
        """All attempts of an ended task; empty where nothing was recorded."""
        for timeline in self._detail(task, TASKS.c.timeline, Timeline.model_validate_json):
            return timeline
        return Timeline(task=task, bars=())

    def plans_of(self, task: TaskId) -> PlansView:
        """The plans of an ended task; empty where nothing was recorded."""
        for plans in self._detail(task, TASKS.c.plans, PlansView.model_validate_json):
            return plans
        return PlansView(task=task)

    def _detail(self, task: TaskId, column: Any, read: Callable[[str], _Read]) -> Iterator[_Read]:
        row = self._first(select(column).where(TASKS.c.id == task))
        return _readable([row[0]] if row is not None and row[0] is not None else [], read)

    # ---- for the learner

    def plans(self, most: int) -> Iterator[tuple[Task, Plan]]:
        """This shard's latest tasks that succeeded, each with its optimal plan, oldest first."""
        query = (
            select(TASKS.c.task, TASKS.c.plans)
            .where(
                TASKS.c.shard == self._shard, TASKS.c.status == RunStatus.SUCCEEDED.value, TASKS.c.plans.is_not(None)
            )
            .order_by(TASKS.c.id.desc())
            .limit(most)
        )
        for task, plan in _readable(self._all(query)[::-1], _planned):
            if plan is not None:
                yield task, plan

    def outcomes(self, most: int) -> Iterator[Outcome]:
        """The latest outcomes of all shards, oldest first."""
        query = select(OUTCOMES.c.outcome).order_by(OUTCOMES.c.id.desc()).limit(most)
        yield from _readable(self._all(query)[::-1], lambda row: Outcome.model_validate_json(row.outcome))

    def size_bytes(self) -> int:
        """How large the database is."""
        database = self._engine.url.database
        if self._engine.dialect.name == "sqlite" and database:
            files = (Path(f"{database}{ending}") for ending in ("", "-wal"))
            return sum(file.stat().st_size for file in files if file.exists())
        row = self._first(select(func.pg_database_size(func.current_database())))
        return 0 if row is None else int(row[0])

    def _first(self, query: Select[Any]) -> Row[Any] | None:
        with self._reading() as connection:
            return connection.execute(query).first()

    def _all(self, query: Select[Any]) -> Sequence[Row[Any]]:
        with self._reading() as connection:
            return connection.execute(query).all()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except OperationalError as error:  # caused by the database's state, not by the query
            why = str(error.orig).partition("\n")[0]
            raise JournalUnavailable(f"the journal cannot be read: {why}", "journal.url", HOW_TO_HEAL) from error


_ADMITTED = select(TASKS.c.id, TASKS.c.task, TASKS.c.submitted_at_s, TASKS.c.idempotency_key)


def _readable(rows: Iterable[Any], read: Callable[[Any], _Read]) -> Iterator[_Read]:
    """The rows that can be read. One that is damaged, or that another version has written, must not hide the others."""
    for row in rows:
        try:
            yield read(row)
        except ValidationError as error:
            _log.error("a row of the journal cannot be read and is skipped: %s", error)


def _summary(row: Row[Any]) -> TaskView:
    """A task in a list. Of a damaged one only the columns are shown."""
    for view in _readable([row.summary], TaskView.model_validate_json):
        return view
    return TaskView(id=TaskId(row.task), status=RunStatus(row.status), submitted_at_s=row.submitted_at_s)


def _log_row(row: Row[Any]) -> LogRow:
    return LogRow(row.last_seq, row.lines, AttemptId(row.attempt), StepId(row.step), row.data)


def _planned(row: Row[Any]) -> tuple[Task, Plan | None]:
    return Task.model_validate_json(row.task), PlansView.model_validate_json(row.plans).optimal


def _admitted(row: Row[Any]) -> AdmittedTask:
    return AdmittedTask(
        id=TaskId(row.id),
        task=Task.model_validate_json(row.task),
        submitted_at_s=row.submitted_at_s,
        idempotency_key=row.idempotency_key,
    )
