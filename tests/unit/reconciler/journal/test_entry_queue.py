"""The reader of a queue takes together what arrives together, and is woken only when something is due."""

import threading
import time

import pytest

from reconciler.journal.entry_queue import EntryQueue

LONG_S = 600.0


class Reader(threading.Thread):
    """Takes batches in a thread until the queue is closed."""

    def __init__(self, queue):
        super().__init__(daemon=True)
        self.batches, self._queue = [], queue

    def run(self):
        while batch := self._queue.take():
            self.batches.append(batch)


@pytest.fixture
def queue():
    return EntryQueue(most=5)


def test_what_is_due_at_once_takes_along_what_came_before_it(queue):
    queue.put("a", LONG_S)
    queue.put("b", 0.0)
    queue.put("c", LONG_S)

    assert queue.take() == ["a", "b", "c"]


def test_an_item_waits_for_others_no_longer_than_it_may(queue):
    queue.put("a", 0.05)
    began_s = time.monotonic()

    assert queue.take() == ["a"]
    assert time.monotonic() - began_s >= 0.04


def test_a_waiting_reader_is_woken_by_an_item_that_is_due_sooner(queue):
    reader = Reader(queue)
    reader.start()
    queue.put("a", LONG_S)

    queue.put("b", 0.0)
    queue.close()
    reader.join()

    assert [item for batch in reader.batches for item in batch] == ["a", "b"]


def test_a_full_queue_is_due_and_the_rest_follows_at_once(queue):
    for number in range(7):
        queue.put(number, LONG_S)

    assert queue.take() == [0, 1, 2, 3, 4]
    assert queue.take() == [5, 6]
    assert len(queue) == 0


def test_what_comes_first_is_taken_alone_and_the_rest_when_it_is_due(queue):
    queue.put("event", 0.05)
    queue.put("admission", 0.0, first=True)

    assert queue.take() == ["admission"]
    assert queue.take() == ["event"]


def test_what_is_due_is_passed_over_once_at_most(queue):
    queue.put("event", 0.0)
    queue.put("admission", 0.0, first=True)
    assert queue.take() == ["admission"]
    queue.put("next", 0.0, first=True)

    assert queue.take() == ["next", "event"]


def test_many_are_taken_together():
    queue = EntryQueue(most=5_000)
    for number in range(100):
        queue.put(number, LONG_S)
    queue.put("admission", 0.0, first=True)

    assert queue.take() == ["admission", *range(100)]


def test_a_waiting_reader_is_woken_by_what_comes_first(queue):
    reader = Reader(queue)
    reader.start()
    queue.put("event", LONG_S)

    queue.put("admission", LONG_S, first=True)
    queue.close()
    reader.join()

    assert sorted(item for batch in reader.batches for item in batch) == ["admission", "event"]


def test_a_closed_queue_gives_what_it_has_and_takes_nothing_more(queue):
    queue.put("a", LONG_S)
    queue.close()

    assert not queue.put("b", 0.0)
    assert queue.take() == ["a"]
    assert queue.take() == []
