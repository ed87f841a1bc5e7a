"""The thread that writes an admission gets the interpreter back soon at each of its statements.

Five times as much made a commit beside a busy event loop take 17 ms, of which 3 ms were its own CPU.
"""

import sys
from concurrent.futures import Future

import pytest

from reconciler.journal.entries import Entry
from reconciler.journal.quick_switches import QUICK_S, QuickSwitches
from reconciler.journal.writer import GroupWriter

SHARD_S = 0.0005
GUARD_S = 30.0


@pytest.fixture(autouse=True)
def interval():
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(SHARD_S)
    yield
    sys.setswitchinterval(before_s)


class Watched:
    """Transactions that write nothing and note the switch interval."""

    in_doubt = False

    def __init__(self):
        self.seen_s = []

    def write(self, entries, ownership, *, relaxed):
        self.seen_s.append(sys.getswitchinterval())

    def close(self): ...


def now_s():
    return pytest.approx(sys.getswitchinterval())


@pytest.mark.parametrize(("first", "expected_s"), [(True, QUICK_S), (False, SHARD_S)])
def test_switches_are_quick_while_an_admission_is_written(first, expected_s):
    transactions = Watched()
    writer = GroupWriter(transactions)

    writer.write(Entry(urgent=True, first=first)).result(GUARD_S)

    writer.close()
    assert transactions.seen_s == [pytest.approx(expected_s)]
    assert now_s() == SHARD_S


def test_switches_are_quick_until_the_last_of_several_is_done():
    switches, futures = QuickSwitches(), [Future() for _ in range(2)]
    for future in futures:
        switches.until(future)

    futures[0].set_result(None)
    assert now_s() == QUICK_S
    futures[1].set_exception(OSError("the disk is full"))

    assert now_s() == SHARD_S


def test_an_interval_that_was_set_meanwhile_stays():
    switches, future = QuickSwitches(), Future()
    switches.until(future)

    sys.setswitchinterval(0.002)
    future.set_result(None)

    assert now_s() == 0.002
