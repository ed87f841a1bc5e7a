"""API keys in the journal's database; the same body for SQLite and PostgreSQL."""

from contextlib import closing

from reconciler.journal.keys import KeyTable
from reconciler.journal.stored_key import StoredKey

KEY = StoredKey(id="a1", name="ci", scope="submit", digest="d" * 64, created_at_s=5.0)


def test_a_key_is_stored_and_revoked_once(database_url):
    with closing(KeyTable(database_url)) as keys:
        keys.add(KEY)
        assert keys.all() == [KEY]
        assert keys.revoke("a1", 9.0)
        assert not keys.revoke("a1", 10.0)
        assert not keys.revoke("b2", 10.0)

    with closing(KeyTable(database_url)) as keys:
        assert [key.revoked_at_s for key in keys.all()] == [9.0]


def test_keys_are_listed_oldest_first(database_url):
    with closing(KeyTable(database_url)) as keys:
        for number in (3, 1, 2):
            keys.add(StoredKey(f"k{number}", "", "read", "d", float(number)))
        assert [key.id for key in keys.all()] == ["k1", "k2", "k3"]
