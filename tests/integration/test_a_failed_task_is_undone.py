"""A task that fails or is cancelled undoes what it has done, over a restart too; a retry does that again."""

import asyncio
from dataclasses import dataclass, field

import pytest
from shards import a_shard

from actors.agent import agent
from actors.catalog import catalog_of
from planners.tasks import Task
from reconciler.state.commands import RunStatus
from reconciler.state.waiting import WaitKind

GUARD_S = 60.0


@dataclass
class Bookings:
    """What the agents have done; those that cancel wait for ``opened``."""

    held: set = field(default_factory=set)
    cancelled: list = field(default_factory=list)
    has_money: bool = False
    opened: asyncio.Event = field(default_factory=asyncio.Event)


now = Bookings()


@agent(capability="book", effect="irreversible")
async def book(what: str) -> str:
    now.held.add(what)
    return f"{what} 7"


@agent(capability="cancel", effect="idempotent")
async def cancel(booking: str) -> str:
    await now.opened.wait()
    now.held.discard(booking.removesuffix(" 7"))
    now.cancelled.append(booking)
    return booking


@agent(capability="pay")
async def pay() -> str:
    if now.has_money:
        return "paid"
    raise ValueError("the card was refused")


CATALOG = catalog_of(book, cancel, pay)
PAY = {"id": "pay", "capability": "pay", "after": ["hotel"], "retry": {"max_attempts": 1}}
SIGN = {"id": "sign", "approval": "Pay?", "after": ["hotel"]}


@pytest.fixture(autouse=True)
def bookings(monkeypatch):
    monkeypatch.setitem(globals(), "now", Bookings())


def a_task(last):
    def booked(what, **more):
        undo = {"capability": "cancel", "inputs": {"booking": f"$steps.{what}"}}
        return {"id": what, "capability": "book", "inputs": {"what": what}, "compensate": undo, **more}

    return Task.model_validate({"workflow": {"steps": [booked("flight"), booked("hotel", after=["flight"]), last]}})


async def seen(service, task_id, holds):
    """The view once it is as it should be."""
    async with asyncio.timeout(GUARD_S):
        while True:
            view = await service.shard.show(task_id)
            if holds(view):
                return view
            await asyncio.sleep(0.01)


async def test_a_failed_task_is_undone_over_a_restart_and_a_retry_books_again(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(a_task(PAY))
        view = await seen(service, task_id, lambda view: view.undoing is not None and view.steps.running)
        assert view.status is RunStatus.RUNNING
        assert "the card was refused" in view.undoing.reason
        assert now.held == {"flight", "hotel"}

    now.opened.set()
    async with a_shard(CATALOG, tmp_path) as service:
        view = await service.ended(task_id)
        assert view.status is RunStatus.FAILED
        assert view.failure.message.endswith("undone: 'hotel', 'flight'")
        assert now.cancelled == ["hotel 7", "flight 7"]
        assert now.held == set()
        done = [bar.step for bar in (await service.shard.timeline(task_id)).bars if bar.status == "finished"]
        assert done == ["flight", "hotel", "undo:hotel", "undo:flight"]

        now.has_money, service._made = True, 1
        again = await service.submit(await service.shard.retried(task_id))
        view = await service.ended(again)

    assert view.status is RunStatus.SUCCEEDED
    assert now.held == {"flight", "hotel"}


async def test_a_cancelled_task_is_undone(tmp_path):
    now.opened.set()
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(a_task(SIGN))
        await seen(service, task_id, lambda view: any(reason.kind is WaitKind.ANSWER for reason in view.waiting))
        await service.shard.cancel(task_id, "no holiday")
        view = await service.ended(task_id)

    assert view.status is RunStatus.CANCELLED
    assert view.failure.message == "no holiday; undone: 'hotel', 'flight'"
    assert now.held == set()
