"""What SQLite has committed reaches the database without a commit that waits for it."""

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, create_engine

from reconciler.journal import wal_checkpoints
from reconciler.journal.entries import Entry
from reconciler.journal.schema import open_engine
from reconciler.journal.transactions import ChunkTransactions
from reconciler.journal.wal_checkpoints import WalCheckpoints
from reconciler.journal.writer import GroupWriter
from tests.support.polling import until

METADATA = MetaData()
TEXTS = Table("texts", METADATA, Column("n", Integer, primary_key=True), Column("text", Text))
GUARD_S = 30.0


@pytest.fixture
def engine(tmp_path):
    opened = open_engine(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    METADATA.create_all(opened)
    yield opened
    opened.dispose()


def test_commits_are_moved_to_the_database_beside_them(monkeypatch, tmp_path, engine):
    monkeypatch.setattr(wal_checkpoints, "_COMMITS", 3)
    writer = GroupWriter(ChunkTransactions(engine), checkpoints=WalCheckpoints.of(engine))
    written = tmp_path / "journal.sqlite3"
    before = written.stat().st_size

    for number in range(3):
        row = {"n": number, "text": "x" * 50_000}
        writer.write(Entry({TEXTS: [row]}, urgent=True)).result(GUARD_S)

    until(lambda: written.stat().st_size >= before + 150_000)
    writer.close()


def test_a_database_that_is_no_file_of_sqlite_has_no_checkpoints():
    assert WalCheckpoints.of(create_engine("sqlite://")) is None
    assert WalCheckpoints.of(create_engine("postgresql+psycopg://nowhere/none")) is None
