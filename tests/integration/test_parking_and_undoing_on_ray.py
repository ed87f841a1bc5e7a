"""On Ray: a run that waits for a person is parked, goes on with its outputs, and undoes what it has done."""

import asyncio

from booking_agents import books, cancels, pays_in_vain
from ray_shards import a_ray_shard, ended

from actors.catalog import catalog_of
from planners.model import StepId
from planners.tasks import Task
from reconciler.runtime.parking import only_waits
from reconciler.state.commands import RunStatus
from reconciler.state.events import StepAnswered

# Workers of Ray take minutes to start on a machine on which much else runs.
GUARD_S = 150.0
CATALOG = catalog_of(books, cancels, pays_in_vain)


def booked(folder, name, *, after=()):
    """A booking that is cancelled if what follows fails."""
    return {
        "id": name,
        "capability": "book",
        "inputs": {"folder": str(folder), "what": name},
        "after": list(after),
        "compensate": {"capability": "cancel", "inputs": {"booking": f"$steps.{name}"}},
    }


def paid(name, booking, *, after=()):
    retry = {"max_attempts": 1}
    inputs = {"booking": f"$steps.{booking}"}
    return {"id": name, "capability": "pay", "inputs": inputs, "after": list(after), "retry": retry}


def a_trip(folder):
    """A flight that a fallback replaces, a hotel that somebody approves, and no money for either."""
    return Task.model_validate(
        {
            "workflow": {
                "steps": [
                    {
                        "id": "journey",
                        "try": [booked(folder, "flight"), paid("fare", "flight")],
                        "fallback": [booked(folder, "train")],
                    },
                    booked(folder, "hotel", after=["journey"]),
                    {"id": "sign", "approval": "Pay?", "inputs": {"hotel": "$steps.hotel"}},
                    paid("bill", "hotel", after=["sign"]),
                ]
            },
            "planning": {"mode": "wait"},
        }
    )


async def parked(service, task_id):
    """Returns once the run is left to the journal."""
    async with asyncio.timeout(GUARD_S):
        while not len(service.shard.parking):
            live = service.shard._live.get(task_id)
            assert live is not None, (await service.shard.show(task_id)).failure
            if only_waits(live.state):
                service.shard.parking.sweep(service.shard._live, idle_s=-1)
            await asyncio.sleep(0.01)


async def test_a_trip_is_parked_and_undone(tmp_path, cluster):
    folder = tmp_path / "bookings"
    folder.mkdir()
    async with a_ray_shard(CATALOG, tmp_path, cluster.cpu) as service:
        task_id = await service.submit(a_trip(folder))
        await parked(service, task_id)
        assert {one.name for one in folder.iterdir()} == {"train", "hotel", "cancelled"}
        assert (folder / "cancelled").read_text().split() == ["flight"]

        await service.shard.answer(task_id, StepId("sign"), StepAnswered(at_s=0, attempt=""))
        view = await ended(service, task_id, GUARD_S)

    assert view.status is RunStatus.FAILED
    assert "no money for hotel" in view.failure.message
    assert view.failure.message.endswith("undone: 'hotel', 'train'")
    assert {one.name for one in folder.iterdir()} == {"cancelled"}
    assert (folder / "cancelled").read_text().split() == ["flight", "hotel", "train"]
