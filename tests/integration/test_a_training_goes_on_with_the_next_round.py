"""A federated training that is stopped in a round goes on there, on the journal of the service before."""

import asyncio

from ray_shards import ended
from shards import a_shard

import forerun
from actors.catalog import load_catalog
from actors.executor.stub import StubExecutor
from examples.federated.task import CATALOG, FederatedPlan, federated_task
from reconciler.state.commands import RunStatus

GUARD_S = 60.0
ROUNDS, STOPPED_IN = 4, 3
PLAN = FederatedPlan(rounds=ROUNDS, clients=4, seconds=0.01, epochs=1)


class CountingExecutor(StubExecutor):
    """Counts merges. The one of round ``stops_in`` does not end."""

    def __init__(self, stops_in: int | None = None) -> None:
        super().__init__(load_catalog(CATALOG))
        self.merges = 0
        self.stopped = asyncio.Event()
        self._stops_in = stops_in

    async def _hosted(self, hosted, agent, call, bound):
        if agent.capability == "merge":
            self.merges += 1
            if self.merges == self._stops_in:
                self.hold(agent.name)
                self.stopped.set()
        return await super()._hosted(hosted, agent, call, bound)


async def test_a_training_that_is_stopped_in_a_round_goes_on_there(tmp_path):
    catalog, first = load_catalog(CATALOG), CountingExecutor(STOPPED_IN)
    async with a_shard(catalog, tmp_path, executor=first) as service:
        task_id = await service.submit(federated_task(PLAN))
        await asyncio.wait_for(first.stopped.wait(), GUARD_S)

    second = CountingExecutor()
    async with a_shard(catalog, tmp_path, executor=second) as service:
        view = await ended(service, task_id, GUARD_S)

    undisturbed = await asyncio.to_thread(forerun.run, federated_task(PLAN), agents=[CATALOG], virtual_time=True)
    assert view.status is RunStatus.SUCCEEDED
    assert second.merges == ROUNDS - STOPPED_IN + 1
    assert view.outputs == undisturbed.outputs
