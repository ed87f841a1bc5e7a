"""Statements that every run executes, built once: building one takes longer than executing it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Delete, Dialect, Insert, Table, Update, bindparam, delete, insert, update

from reconciler.journal.schema import HEARTBEATS, STAGED_OUTPUTS, SUMMARIES, TASKS


class Change(NamedTuple):
    """A statement and the values of its parameters.

    ``together``: it changes rows of its own task only, so all of a transaction are executed at once after the others.
    """

    statement: Insert | Update | Delete
    values: Mapping[str, Any]
    together: bool = False


# Parameters of updates must not be called like columns.
_END_TASK = (
    update(TASKS)
    .where(TASKS.c.id == bindparam("of_task"))
    .values({name: bindparam(f"new_{name}") for name in ("status", "view", "timeline", "plans")})
)
_END_SUMMARY = (
    update(SUMMARIES)
    .where(SUMMARIES.c.task == bindparam("of_task"))
    .values({name: bindparam(f"new_{name}") for name in ("status", "ended_at_s", "summary")})
)
_DROP_STAGED = delete(STAGED_OUTPUTS).where(STAGED_OUTPUTS.c.task == bindparam("of_task"))
_DROP_STAGED_OF_ATTEMPT = _DROP_STAGED.where(STAGED_OUTPUTS.c.attempt == bindparam("of_attempt"))
_DROP_HEARTBEAT = delete(HEARTBEATS).where(HEARTBEATS.c.shard == bindparam("of_shard"))
_ADD_HEARTBEAT = insert(HEARTBEATS)


class Prepared(NamedTuple):
    """The text of a statement, and the names in the order of its parameters; None: they go by name."""

    text: str
    order: tuple[str, ...] | None

    def parameters(self, row: Mapping[str, Any]) -> Any:
        """Values by name in the form that the driver takes."""
        return row if self.order is None else tuple([row[name] for name in self.order])


@lru_cache(maxsize=64)
def prepared_insert(table: Table, columns: tuple[str, ...], dialect: Dialect) -> Prepared:
    """The insert of these columns of a table. They hold text and numbers, which drivers take as they are."""
    return _prepared(insert(table).compile(dialect=dialect, column_keys=list(columns)))


@lru_cache(maxsize=64)
def prepared_change(statement: Update | Delete, dialect: Dialect) -> Prepared:
    """An update or a deletion, whose values are text and numbers."""
    return _prepared(statement.compile(dialect=dialect))


def _prepared(compiled: Any) -> Prepared:
    return Prepared(str(compiled), None if compiled.positiontup is None else tuple(compiled.positiontup))


def end_task(task: str, values: Mapping[str, Any], summary: Mapping[str, Any]) -> list[Change]:
    """Store how a task ended, in both tables, and delete what it has staged."""
    return [
        Change(_END_TASK, {"of_task": task, **_new(values)}, together=True),
        Change(_END_SUMMARY, {"of_task": task, **_new(summary)}, together=True),
        Change(_DROP_STAGED, {"of_task": task}, together=True),
    ]


def drop_staged(task: str, attempt: str) -> Change:
    """Delete what an attempt has staged."""
    return Change(_DROP_STAGED_OF_ATTEMPT, {"of_task": task, "of_attempt": attempt}, together=True)


def beat(shard: int, at_s: float) -> list[Change]:
    """Replace the heartbeat of a shard."""
    return [Change(_DROP_HEARTBEAT, {"of_shard": shard}), Change(_ADD_HEARTBEAT, {"shard": shard, "at_s": at_s})]


def _new(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in values.items()}
