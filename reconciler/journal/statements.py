"""Statements that every run executes, built once: building one takes longer than executing it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Delete,
    Dialect,
    Float,
    FromClause,
    Insert,
    Select,
    Table,
    Text,
    Update,
    bindparam,
    column,
    delete,
    func,
    insert,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql

from reconciler.journal.schema import HEARTBEATS, STAGED_OUTPUTS, SUMMARIES, TASKS


@dataclass(frozen=True, eq=False)
class RowStatement:
    """A statement for any number of rows, each of another task or attempt; those of a transaction are executed at once.

    Attributes:
        columns: what a row holds by name, each with a column that has its type. The names of updates and deletions must
            not be those of columns.
        build: the statement for the rows of a relation.
    """

    columns: Mapping[str, Column[Any]]
    build: Callable[[FromClause], Insert | Update | Delete | Select[Any]]


class Change(NamedTuple):
    """A statement and the values of its parameters."""

    statement: RowStatement | Insert | Delete
    values: Mapping[str, Any]


class PreparedRows(NamedTuple):
    """The text of a statement for some number of rows, whose parameters are the values of row after row."""

    text: str
    names: tuple[str, ...]

    def parameters(self, rows: Iterable[Mapping[str, Any]]) -> tuple[Any, ...]:
        """The values of the rows."""
        return tuple([row[name] for row in rows for name in self.names])


class PreparedArrays(NamedTuple):
    """The text of a statement whose parameters, by name, are arrays: each has a value for every row.

    ``texts``, ``floats``: the names of those that hold texts, and floating-point numbers.
    """

    text: str
    names: tuple[str, ...]
    texts: tuple[str, ...]
    floats: tuple[str, ...]

    def parameters(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
        """The values of the rows as arrays. Those of floating-point numbers hold no integers then."""
        arrays = {name: [row[name] for row in rows] for name in self.names}
        for name in self.floats:
            arrays[name] = [None if value is None else float(value) for value in arrays[name]]
        return arrays

    def characters(self, arrays: Mapping[str, Iterable[str | None]]) -> int:
        """How many characters the texts have together."""
        return sum(sum(map(len, filter(None, arrays[name]))) for name in self.texts)


def _updated(table: Table, *changed: str) -> RowStatement:
    (key,) = table.primary_key.columns
    columns = {"of_task": key, **{f"new_{name}": table.c[name] for name in changed}}
    return RowStatement(
        columns,
        lambda given: (
            update(table).where(key == given.c.of_task).values({name: given.c[f"new_{name}"] for name in changed})
        ),
    )


def _deleted(table: Table, *names: str) -> RowStatement:
    columns = {f"of_{name}": table.c[name] for name in names}
    return RowStatement(columns, lambda given: delete(table).where(_key([*columns.values()]).in_(select(*given.c))))


def _key(columns: Sequence[Column[Any]]) -> ColumnElement[Any]:
    return tuple_(*columns) if len(columns) > 1 else columns[0]


_ROWS = "the_given_rows"
_END_TASK = _updated(TASKS, "status", "view", "timeline", "plans")
_END_SUMMARY = _updated(SUMMARIES, "status", "ended_at_s", "summary")
_DROP_STAGED = _deleted(STAGED_OUTPUTS, "task")
_DROP_STAGED_OF_ATTEMPT = _deleted(STAGED_OUTPUTS, "task", "attempt")
_DROP_HEARTBEAT = delete(HEARTBEATS).where(HEARTBEATS.c.shard == bindparam("of_shard"))
_ADD_HEARTBEAT = insert(HEARTBEATS)


@lru_cache(maxsize=64)
def inserted(table: Table, columns: tuple[str, ...], *, again: bool = False) -> RowStatement:
    """The insert of rows with these columns, in order. They hold text and numbers, which drivers take as they are.

    ``again``: on PostgreSQL, rows whose key is there already stay as they are. A row whose key the database counts up
    is added twice; `counted` tells whether those beside it are there.
    """
    key = [one.name for one in table.primary_key.columns]
    may_be_there = again and set(key) <= set(columns)

    def build(given: FromClause) -> Insert:
        if not may_be_there:
            return insert(table).from_select(list(columns), select(*given.c))
        made = postgresql.insert(table).from_select(list(columns), select(*given.c))
        return made.on_conflict_do_nothing(index_elements=key)

    return RowStatement({name: table.c[name] for name in columns}, build)


@lru_cache(maxsize=64)
def counted(table: Table) -> RowStatement:
    """Counts how many of the given rows are there, by their keys."""
    key, count = {one.name: one for one in table.primary_key.columns}, select(func.count()).select_from(table)
    return RowStatement(key, lambda given: count.where(_key([*key.values()]).in_(select(*given.c))))


@lru_cache(maxsize=512)
def prepared_rows(statement: RowStatement, count: int, dialect: Dialect) -> PreparedRows:
    """A statement of SQLite for so many rows."""
    names = tuple(statement.columns)
    first = ", ".join(f"? AS {name}" for name in names)
    others = f" UNION ALL SELECT {', '.join('?' for _ in names)}" * (count - 1)
    return PreparedRows(_of_rows(statement, dialect).replace(_ROWS, f"SELECT {first}{others}"), names)


@lru_cache(maxsize=64)
def _of_rows(statement: RowStatement, dialect: Dialect) -> str:
    """The text of a statement with a placeholder for its rows: SQLAlchemy takes 24 ms for 64 rows of 5 values."""
    columns = [column(name, like.type) for name, like in statement.columns.items()]
    return str(statement.build(text(_ROWS).columns(*columns).subquery("given")).compile(dialect=dialect))


@lru_cache(maxsize=64)
def prepared_arrays(statement: RowStatement, dialect: Dialect) -> PreparedArrays:
    """A statement of PostgreSQL for any number of rows."""
    types = {name: like.type for name, like in statement.columns.items()}
    arrays = [bindparam(name, type_=ARRAY(kind)) for name, kind in types.items()]
    columns = [column(name, kind) for name, kind in types.items()]
    given = func.unnest(*arrays).table_valued(*columns).render_derived(name="given")

    def of_type(wanted: type) -> tuple[str, ...]:
        return tuple(name for name, kind in types.items() if isinstance(kind, wanted))

    compiled = statement.build(given).compile(dialect=dialect)
    return PreparedArrays(str(compiled), tuple(types), of_type(Text), of_type(Float))


def end_task(task: str, values: Mapping[str, Any], summary: Mapping[str, Any]) -> list[Change]:
    """Store how a task ended, in both tables."""
    return [
        Change(_END_TASK, {"of_task": task, **_new(values)}),
        Change(_END_SUMMARY, {"of_task": task, **_new(summary)}),
    ]


def drop_all_staged(task: str) -> Change:
    """Delete what all attempts of a task have staged."""
    return Change(_DROP_STAGED, {"of_task": task})


def drop_staged(task: str, attempt: str) -> Change:
    """Delete what an attempt has staged."""
    return Change(_DROP_STAGED_OF_ATTEMPT, {"of_task": task, "of_attempt": attempt})


def beat(shard: int, at_s: float) -> list[Change]:
    """Replace the heartbeat of a shard."""
    return [Change(_DROP_HEARTBEAT, {"of_shard": shard}), Change(_ADD_HEARTBEAT, {"shard": shard, "at_s": at_s})]


def _new(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in values.items()}
