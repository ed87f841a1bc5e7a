"""API keys in the journal's database. Only digests of secrets are stored."""

from collections.abc import Sequence

from sqlalchemy import insert, select, update

from reconciler.journal.schema import API_KEYS, open_engine
from reconciler.journal.stored_key import StoredKey


class KeyTable:
    """The stored API keys. Every method blocks. Thread-safe."""

    def __init__(self, url: str) -> None:
        """Connect, and bring the schema up to date.

        Raises:
            JournalTooNew: a newer version has written the journal.
        """
        self._engine = open_engine(url)

    def add(self, key: StoredKey) -> None:
        """Store a key."""
        row = {column.name: getattr(key, column.name) for column in API_KEYS.c}
        with self._engine.begin() as connection:
            connection.execute(insert(API_KEYS), [row])

    def all(self) -> Sequence[StoredKey]:
        """All keys, revoked ones too, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(API_KEYS).order_by(API_KEYS.c.created_at_s, API_KEYS.c.id)).all()
        return [StoredKey(*row) for row in rows]

    def revoke(self, key_id: str, at_s: float) -> bool:
        """Revoke a key; whether there is one with this id that was not revoked before."""
        valid = (API_KEYS.c.id == key_id) & API_KEYS.c.revoked_at_s.is_(None)
        with self._engine.begin() as connection:
            return connection.execute(update(API_KEYS).where(valid).values(revoked_at_s=at_s)).rowcount > 0

    def close(self) -> None:
        """Disconnect."""
        self._engine.dispose()
