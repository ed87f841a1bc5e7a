"""Can the journal be read and written?"""

import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.doctor.finding import Finding, error, ok, warning
from orchestrator.settings import Settings
from reconciler.errors import InvalidDatabase
from reconciler.journal.database_url import database_url
from reconciler.journal.schema import REVISION

CHECK = "journal"
_TIMEOUT_S = 5
# A commit waits for the disk once. On a disk this slow every acknowledgement is slow.
_SLOW_S = 0.1
_CLOCKS_DIFFER_S = 2.0


def check_journal(settings: Settings) -> Iterator[Finding]:
    """Connect, lock for writing, and undo that. Nothing is created or migrated."""
    try:
        url = database_url(settings.journal_url)
    except InvalidDatabase as flaw:
        yield error(CHECK, f"{flaw.field}: {flaw.message}", flaw.fix)
        return
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite and not Path(str(url.database)).exists():
        yield ok(CHECK, f"{url.database} does not exist yet; the first start creates it")
        return
    try:
        yield from _of_database(url, is_sqlite=is_sqlite)
    except (SQLAlchemyError, ImportError) as flaw:
        why = str(getattr(flaw, "orig", None) or flaw).strip().partition("\n")[0]
        fix = "check that no other program holds its lock" if "locked" in why else "check that the database runs"
        yield error(CHECK, f"{url.render_as_string()}: {why}", f"{fix}, and the rights of this user")


def _of_database(url: URL, *, is_sqlite: bool) -> Iterator[Finding]:
    timeout = {"timeout": _TIMEOUT_S} if is_sqlite else {"connect_timeout": _TIMEOUT_S}
    engine = create_engine(url, connect_args=timeout)
    try:
        with engine.connect() as connection:
            yield from _revision(connection)
            if not is_sqlite:
                yield from _clock(connection)
            began_s = time.monotonic()
            _write(connection, is_sqlite=is_sqlite)
            took_s = time.monotonic() - began_s
    finally:
        engine.dispose()
    if took_s > _SLOW_S:
        yield warning(CHECK, f"a write takes {took_s:.2f} s", "use a faster disk, or a database nearby")
    else:
        yield ok(CHECK, f"{url.render_as_string()} can be written in {1000 * took_s:.0f} ms")


def _write(connection: Connection, *, is_sqlite: bool) -> None:
    """A transaction that writes and reaches the disk, and leaves nothing behind."""
    connection.rollback()
    if is_sqlite:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.isolation_level = None
        # The number is the application's own, and Forerun does not use it.
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        for statement in ("BEGIN IMMEDIATE", f"PRAGMA user_version = {version}", "COMMIT"):
            connection.exec_driver_sql(statement)
    else:
        connection.execute(text("CREATE TEMPORARY TABLE forerun_doctor (n integer) ON COMMIT DROP"))
        connection.execute(text("INSERT INTO forerun_doctor VALUES (1)"))
        connection.commit()


def _revision(connection: Connection) -> Iterator[Finding]:
    if not inspect(connection).has_table("alembic_version"):
        yield ok(CHECK, "it has no tables yet; the first start creates them")
        return
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is not None and found > REVISION:
        message = f"its schema has revision {found}, and this Forerun knows {REVISION}"
        yield error(CHECK, message, "start the newer Forerun that wrote it, or restore a backup")
    elif found != REVISION:
        yield ok(CHECK, f"its schema has revision {found}; the next start brings it to {REVISION} (back it up before)")


def _clock(connection: Connection) -> Iterator[Finding]:
    there_s = float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar() or 0.0)
    if abs(there_s - time.time()) > _CLOCKS_DIFFER_S:
        message = f"the clocks of this host and of the database differ by {abs(there_s - time.time()):.0f} s"
        yield warning("clock", message, "run an NTP client on both")
