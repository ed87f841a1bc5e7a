"""A consistent copy of an SQLite journal while the service goes on writing."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url

from reconciler.errors import CannotBackUp


def back_up(url: str, to: Path) -> int:
    """Copy the journal to a file, check the copy, and return its size in bytes. The file appears when it is complete.

    In WAL mode the copy is a read, so writers do not wait for it.

    Raises:
        CannotBackUp: the journal is not in SQLite, the file exists, or the copy is damaged.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        fix = "back it up with the tools of the database, such as pg_dump"
        raise CannotBackUp(f"the journal is in {parsed.get_backend_name()}, not in SQLite", "journal.url", fix)
    if to.exists():
        raise CannotBackUp(f"{to} exists already", "FILE", "give another file")
    unfinished = to.with_name(f"{to.name}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        with closing(sqlite3.connect(parsed.database)) as source, closing(sqlite3.connect(unfinished)) as copy:
            source.backup(copy)
            found = copy.execute("PRAGMA quick_check").fetchone()[0]
        if found != "ok":
            raise CannotBackUp(f"the copy is damaged: {found}", "FILE", "check the disk of the journal")
        unfinished.rename(to)
    except (sqlite3.Error, OSError) as error:
        raise CannotBackUp(f"the copy cannot be written: {error}", "FILE", "give a file on a disk with room") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return to.stat().st_size
