"""An irreversible step that has finished is done, whatever becomes of its node and whichever agent is now cheaper."""

from shard_news import told
from shards import Now, a_shard

from actors.executor.stub import StubExecutor
from planners.agents import AgentSpec, Catalog
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.resources import Resources
from planners.tasks import Task
from reconciler.state.commands import RunStatus

SIMULATED = {"kind": "async", "target": "actors.simulated:simulated", "settings": {"duration_s": 0}}
ACT = {**SIMULATED, "capability": "charge", "effect": "irreversible"}
CATALOG = Catalog(
    agents=(
        AgentSpec(name="charges-on-gpu", resources=Resources(gpus=1), expected_s=0.1, **ACT),
        AgentSpec(name="charges-on-cpu", expected_s=5.0, **ACT),
        AgentSpec(name="naps", capability="nap", **SIMULATED),
    )
)
GPU = ClusterNode(id="n1", node_class="gpu", total=Resources(cpus=2, gpus=1))
CPU = ClusterNode(id="n2", node_class="cpu", total=Resources(cpus=2))


async def test_a_finished_act_is_not_repeated_by_another_agent_when_its_node_is_lost(tmp_path, monkeypatch):
    nodes = [GPU, CPU]
    monkeypatch.setattr(Now, "snapshot", lambda _: ClusterSnapshot(nodes=tuple(nodes)))
    executor = StubExecutor(CATALOG)
    executor.hold("naps")
    steps = [{"id": "charge", "capability": "charge"}, {"id": "nap", "capability": "nap", "after": ["charge"]}]
    task = Task.model_validate({"workflow": {"steps": steps}, "planning": {"mode": "wait"}})
    async with a_shard(CATALOG, tmp_path, executor=executor) as service:
        task_id = await service.submit(task)
        await told(service, task_id, "attempt_dispatched", step="nap")
        nodes.remove(GPU)
        executor.lose_node("n1")
        service.shard.node_lost("n1")
        await told(service, task_id, "node_lost")
        executor.resume("naps")
        view = await service.shard.wait(task_id, 30.0)
        bars = (await service.shard.timeline(task_id)).bars

    assert view.status is RunStatus.SUCCEEDED
    assert [bar.agent for bar in bars if bar.step == "charge"] == ["charges-on-gpu"]
