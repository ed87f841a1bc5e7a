"""Which databases a journal can be in."""

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from reconciler.errors import InvalidDatabase

_SQLITE, _POSTGRES = ("sqlite", "sqlite+pysqlite"), "postgresql+psycopg"
_FIX = f"use {_POSTGRES}://USER:PASSWORD@HOST/DATABASE, or leave it out for SQLite in the data directory"


def database_url(text: str) -> URL:
    """The URL of a journal, with the driver that Forerun uses.

    Raises:
        InvalidDatabase: it is no URL, or that of a database or a driver that Forerun does not work with.
    """
    try:
        url = make_url(text)
    except ArgumentError:  # its message may hold a password
        raise InvalidDatabase("this is not the URL of a database", "journal.url", _FIX) from None
    if url.drivername == "postgresql":
        return url.set(drivername=_POSTGRES)
    if url.drivername not in (*_SQLITE, _POSTGRES):
        raise InvalidDatabase(f"a journal cannot be in {url.drivername}", "journal.url", _FIX)
    return url
