"""Results of pure agents in the journal's database; the same body for SQLite and PostgreSQL."""

from contextlib import closing

import pytest

from reconciler.journal.results import ResultTable
from reconciler.journal.stored_result import StoredResult


def result(key, *, size=10, until_s=1_000.0, used_at_s=1.0):
    return StoredResult(key, "a@2", f'{{"output": "{key}"}}', size, 1.0, until_s, used_at_s)


@pytest.fixture
def now():
    return [100.0]


def opened(url, now, **more):
    return closing(ResultTable(url, clock=lambda: now[0], **more))


def test_a_result_is_there_at_once_and_after_a_restart(database_url, now):
    with opened(database_url, now) as table:
        table.keep(result("k"))
        assert table.find("k") == result("k")
        assert table.find("other") is None

    with opened(database_url, now) as table:
        assert table.find("k") == result("k")
        assert table.stat() == (1, 10)


def test_a_result_expires(database_url, now):
    with opened(database_url, now) as table:
        table.keep(result("short", until_s=200.0))
        table.flush()
        now[0] = 201.0
        assert table.find("short") is None

        table.keep(result("long"))
        table.flush()

        assert [one.key for one in table.latest(10)] == ["long"]


def test_the_least_recently_used_results_go_first(database_url, now):
    with opened(database_url, now, max_bytes=25) as table:
        table.keep(result("a", used_at_s=1.0))
        table.keep(result("b", used_at_s=2.0))
        table.flush()
        table.use("a")
        table.keep(result("c", used_at_s=3.0))
        table.flush()

        assert {one.key for one in table.latest(10)} == {"a", "c"}


def test_what_is_cleared_is_gone_and_other_processes_can_tell(database_url, now):
    with opened(database_url, now) as service, opened(database_url, now) as command:
        service.keep(result("k"))
        service.flush()
        before_s = service.cleared_s()

        assert command.clear() == 1

        assert service.find("k") is None
        assert service.cleared_s() > before_s
        assert service.stat() == (0, 0)
