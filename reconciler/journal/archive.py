"""Ended tasks as JSON lines: to keep what `forerun gc` is about to delete, or to move it to another journal.

The first line is a header. Every other line is one task with all its rows, by table and column.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, Table, insert, select

from planners.model import TaskId
from reconciler.errors import InvalidArchive
from reconciler.journal.schema import ATTEMPT_LOGS, EVENTS, OUTCOMES, SUMMARIES, TASKS, open_engine

FORMAT = "forerun-tasks"
VERSION = 1
_ROWS_OF_TASK = (SUMMARIES, EVENTS, OUTCOMES, ATTEMPT_LOGS)
# Columns that another journal decides for itself.
_OWN = {TASKS: {"shard"}, OUTCOMES: {"id"}}
_AT_ONCE = 100


class Archive:
    """Reads ended tasks from a journal's database, and adds them to it. Every method blocks."""

    def __init__(self, url: str) -> None:
        """Connect, and bring the schema up to date.

        Raises:
            JournalTooNew: a newer version has written the journal.
        """
        self._engine: Engine = open_engine(url)

    def close(self) -> None:
        """Disconnect."""
        self._engine.dispose()

    def exported(self, before_s: float, now_s: float) -> Iterator[str]:
        """The lines of all tasks that ended before a moment (seconds since the epoch), oldest first."""
        yield json.dumps({"format": FORMAT, "version": VERSION, "exported_at_s": now_s})
        after = ""
        ended = select(SUMMARIES.c.task).where(SUMMARIES.c.ended_at_s < before_s).order_by(SUMMARIES.c.task)
        while True:
            with self._engine.connect() as connection:
                page = connection.scalars(ended.where(SUMMARIES.c.task > after).limit(_AT_ONCE)).all()
                for task in page:
                    yield json.dumps(_task_lines(connection, task), ensure_ascii=False, separators=(",", ":"))
            if not page:
                return
            after = page[-1]

    def imported(self, lines: Iterable[str], shard_of: Callable[[TaskId], int]) -> tuple[int, int]:
        """Add the tasks of an archive; returns how many were added, and how many were there already.

        Each task is added in a transaction of its own, so an archive can be imported again after an interruption.

        Args:
            lines: of the archive.
            shard_of: the shard that a task belongs to.

        Raises:
            InvalidArchive: names the line that cannot be read. What came before it was added.
        """
        added = known = 0
        numbered = enumerate(lines, start=1)
        _check_header(next(numbered, (1, ""))[1])
        for number, line in numbered:
            if not line.strip():
                continue
            rows = _parsed(number, line)
            with self._engine.begin() as connection:
                if _is_known(connection, rows[TASKS][0]["id"]):
                    known += 1
                    continue
                _add(connection, rows, shard_of)
                added += 1
        return added, known


def _task_lines(connection: Connection, task: str) -> dict[str, Any]:
    queries = {TASKS: select(TASKS).where(TASKS.c.id == task)}
    queries |= {table: select(table).where(table.c.task == task) for table in _ROWS_OF_TASK}
    return {
        table.name: [
            {name: value for name, value in row.items() if name not in _OWN.get(table, ())}
            for row in connection.execute(query.order_by(*table.primary_key.columns)).mappings()
        ]
        for table, query in queries.items()
    }


def _check_header(line: str) -> None:
    header = _json(1, line)
    if header.get("format") != FORMAT:
        raise InvalidArchive("this is not an export of Forerun", "line 1", "give a file that `forerun export` made")
    if header.get("version") != VERSION:
        message = f"the archive has version {header.get('version')}, and this Forerun reads version {VERSION}"
        raise InvalidArchive(message, "line 1", "import it with the Forerun that made it, or a newer one")


def _parsed(number: int, line: str) -> Mapping[Table, list[dict[str, Any]]]:
    document = _json(number, line)
    rows: dict[Table, list[dict[str, Any]]] = {}
    for table in (TASKS, *_ROWS_OF_TASK):
        found = document.get(table.name, [])
        columns = {column.name for column in table.c} - _OWN.get(table, set())
        if not isinstance(found, list) or any(not isinstance(row, dict) or set(row) - columns for row in found):
            raise InvalidArchive(f"'{table.name}' does not hold rows of this version", f"line {number}")
        rows[table] = found
    if len(rows[TASKS]) != 1 or not isinstance(rows[TASKS][0].get("id"), str):
        raise InvalidArchive("a line holds one task", f"line {number}", "export it again")
    return rows


def _json(number: int, line: str) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except ValueError as error:
        raise InvalidArchive(f"this is not JSON: {error}", f"line {number}", "export it again") from None
    if not isinstance(document, dict):
        raise InvalidArchive("this is not a JSON object", f"line {number}", "export it again")
    return document


def _is_known(connection: Connection, task: str) -> bool:
    return connection.execute(select(TASKS.c.id).where(TASKS.c.id == task)).first() is not None


def _add(connection: Connection, rows: Mapping[Table, list[dict[str, Any]]], shard_of: Callable[[TaskId], int]) -> None:
    task = {**rows[TASKS][0]}
    task["shard"] = shard_of(TaskId(task["id"]))
    key = task.get("idempotency_key")
    if key is not None and connection.execute(select(TASKS.c.id).where(TASKS.c.idempotency_key == key)).first():
        task["idempotency_key"] = None  # a task that was submitted here has it
    connection.execute(insert(TASKS), [task])
    for table in _ROWS_OF_TASK:
        # `forerun gc` keeps the latest outcomes of the tasks that it deletes.
        kept = table is OUTCOMES and connection.execute(select(table).where(table.c.task == task["id"])).first()
        if rows[table] and not kept:
            connection.execute(insert(table), rows[table])
