"""A parked run whose alarm finds the journal away is tried again, until the shard closes."""

import asyncio
from types import SimpleNamespace

import pytest
from virtual_loop import in_virtual_time

from planners.model import TaskId
from reconciler.errors import JournalUnavailable, ShuttingDown
from reconciler.runtime import parking as module
from reconciler.runtime.parking import Parking

TASK = TaskId("t")
ALARM_S = 10.0


class Away:
    """A journal that cannot be read; ``asked_s``: when it was."""

    def __init__(self):
        self.asked_s = []
        self.recorded = []

    def append(self, _task, rows):
        self.recorded += [(row.seq, row.kind, row.at_s) for row in rows]

    async def recovered(self, _journal, _shared, _task, _elapsed_s):
        self.asked_s.append(asyncio.get_running_loop().time())
        raise JournalUnavailable("it is away")


@pytest.fixture
def away(monkeypatch):
    journal = Away()
    monkeypatch.setattr(module, "recovered_driver", journal.recovered)
    monkeypatch.setattr(module, "only_waits", lambda _run: True)
    return journal


def parked(away):
    clock = SimpleNamespace(monotonic_s=asyncio.get_running_loop().time)
    parking = Parking(away, clock, lambda driver: driver)
    view = SimpleNamespace(model_dump_json=lambda **_: "{}")
    driver = SimpleNamespace(
        admitted=SimpleNamespace(id=TASK),
        log=SimpleNamespace(last_seq=3),
        run=SimpleNamespace(attempts=SimpleNamespace(live={})),
        shared=None,
        now_s=0.0,
        alarm_in_s=ALARM_S,
        view=lambda: view,
    )
    assert parking.take(driver)
    return parking


def test_it_is_tried_again(away):
    async def scenario():
        parked(away)
        await asyncio.sleep(ALARM_S + 12.0)

    in_virtual_time(scenario())

    assert [round(asked_s) for asked_s in away.asked_s] == [10, 15, 20]


@pytest.mark.parametrize("closed_s", [5.0, 12.0])
def test_nothing_is_tried_once_the_shard_has_closed(away, closed_s):
    async def scenario():
        parking = parked(away)
        await asyncio.sleep(closed_s)
        parking.close()
        await asyncio.sleep(60.0)

    in_virtual_time(scenario())

    assert len(away.asked_s) == (closed_s > ALARM_S)
    assert away.recorded == [
        (4, "time_passed", min(closed_s, ALARM_S - 0.01))
    ]  # the alarm itself is due after a restart


def test_an_alarm_under_way_when_the_shard_closes_is_the_last(away):
    """What comes later is told so, and wakes nothing: nobody would stop the run."""

    async def scenario():
        parking = parked(away)
        waking = asyncio.ensure_future(parking.woken(TASK))
        await asyncio.sleep(0)
        parking.close()
        with pytest.raises(JournalUnavailable):
            await waking
        await parking._alarmed(TASK)
        with pytest.raises(ShuttingDown):
            await parking.woken(TASK)
        await asyncio.sleep(60.0)

    in_virtual_time(scenario())

    assert len(away.asked_s) == 1
