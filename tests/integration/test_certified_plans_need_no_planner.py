"""A task whose optimal plan needs no search starts on it at once: nothing is guessed, and no planner is asked."""

from odd_agents import echoes
from shards import a_shard

from actors.catalog import catalog_of
from planners.costs import PriorCosts
from planners.optimal.certified import CertifiedPlans
from planners.tasks import Task
from reconciler.state.commands import RunStatus

CATALOG = catalog_of(echoes)


def echo(step, **more):
    return {"id": step, "capability": "echo", "inputs": {"x": 1}, **more}


async def ended(tmp_path, certifier, steps):
    async with a_shard(CATALOG, tmp_path, certifier=certifier) as service:
        view = await service.ended(await service.submit(Task.model_validate({"workflow": {"steps": steps}})))
        return view, len(service.planners.asked)


async def test_a_chain_is_planned_in_the_shard(tmp_path):
    view, asked = await ended(tmp_path, CertifiedPlans(PriorCosts), [echo("a"), echo("b", after=["a"])])

    assert view.status is RunStatus.SUCCEEDED
    assert view.speculative_plan_s is None
    assert asked == 0


async def test_a_longer_workflow_is_planned_in_a_thread(tmp_path):
    steps = [echo(f"s{n}", after=[f"s{n - 1}"] if n else []) for n in range(40)]

    view, asked = await ended(tmp_path, CertifiedPlans(PriorCosts), steps)

    assert view.status is RunStatus.SUCCEEDED
    assert asked == 0


async def test_a_certifier_that_breaks_costs_nothing_but_time(tmp_path):
    class Broken:
        def is_quick(self, request):
            raise RuntimeError("broken")

    view, asked = await ended(tmp_path, Broken(), [echo("a")])

    assert view.status is RunStatus.SUCCEEDED
    assert asked == 1
