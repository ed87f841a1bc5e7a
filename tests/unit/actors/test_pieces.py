"""The small parts of hosting: inputs across processes, simulated time, nodes of the cluster."""

from typing import Any

import pytest
from pydantic import ValidationError

from actors.context import Context
from actors.errors import BadInput, OutputGone
from actors.executor import ray_cluster as cluster_module
from actors.executor.nodes import ray_amounts
from actors.executor.ray_cluster import RayCluster, nodes_of, resources_of
from actors.invocation import Invocation
from actors.payloads.outputs import Outputs
from actors.simulated import SimulatedFailure, SimulationSettings, simulated
from planners.resources import CONTAINERS, Resources
from reconciler.state.commands import Given, ListOf, ObjectOf, OutputOf


async def _blob(text: bytes) -> bytes:
    return text


class Blob:
    def __init__(self, text: bytes) -> None:
        self.text = text

    def __await__(self) -> Any:
        return _blob(self.text).__await__()


def _call(**fields: Any) -> Invocation:
    known = {"task": "t", "attempt": "t.9", "agent": "a", "kind": "async", "target": "m:f", "work_key": "k"}
    return Invocation(**{**known, **fields})


def test_large_outputs_leave_slots_that_their_bytes_fill_where_they_arrive():
    outputs, large = Outputs(), Blob(b'{"x": [1, 2]}')
    outputs.keep("t", "t.1", {"n": 1})
    outputs.keep_reference("t", "t.2", large)
    both = ListOf(items=(OutputOf(attempt="t.2", path=("x", 1)), OutputOf(attempt="t.1", path=("n",))))

    made = ObjectOf(fields={"of": both})

    bound = outputs.bound("t", {"a": Given(value=5), "b": both, "c": OutputOf(attempt="t.2"), "d": made})

    assert bound.inputs == {"a": 5, "b": [None, 1], "c": None, "d": {"of": [None, 1]}}
    assert bound.blobs == [large]
    call = _call(inputs=bound.inputs, slots=tuple(bound.slots))
    assert call.filled((large.text,)) == {"a": 5, "b": [2, 1], "c": {"x": [1, 2]}, "d": {"of": [2, 1]}}


def test_bindings_that_lead_nowhere_name_the_input():
    outputs = Outputs()
    outputs.keep("t", "t.1", {"n": 1})

    with pytest.raises(BadInput) as caught:
        outputs.bound("t", {"a": ListOf(items=(OutputOf(attempt="t.1", path=("m",)),))})
    assert caught.value.field == "inputs.a.0"
    with pytest.raises(OutputGone):
        outputs.bound("t", {"a": OutputOf(attempt="t.2")})


async def test_values_are_fetched_in_any_nesting():
    outputs = Outputs()
    outputs.keep_reference("t", "t.1", Blob(b'{"n": 1}'))

    both = ListOf(items=(Given(value=0), OutputOf(attempt="t.1", path=("n",))))
    assert await outputs.value("t", both) == [0, 1]
    assert await outputs.value("t", ObjectOf(fields={"both": both})) == {"both": [0, 1]}


async def test_simulated_time_depends_on_the_work_alone():
    settings = SimulationSettings(p50_s=1.0, p90_s=3.0, seed=4)
    context = Context(task="t", attempt="t.1", agent="a", work_key="k", settings={"duration_s": 0, "output": [1]})

    assert await simulated(context, x=1) == [1]
    assert await simulated(Context("t", "t.1", "a", "k", settings={"duration_s": 0}), x=1) == {"x": 1}
    with pytest.raises(SimulatedFailure):
        await simulated(Context("t", "t.1", "a", "k", settings={"duration_s": 0, "failure_rate": 1.0}))
    drawn = sorted(settings.drawn_s(__import__("random").Random(f"4:{key}")) for key in range(2000))
    assert drawn[1000] == pytest.approx(1.0, rel=0.1)
    assert drawn[1800] == pytest.approx(3.0, rel=0.15)


@pytest.mark.parametrize("settings", [{}, {"duration_s": 1, "p50_s": 1, "p90_s": 2}, {"p50_s": 2, "p90_s": 1}])
def test_settings_that_make_no_duration_are_refused(settings: dict[str, float]):
    with pytest.raises(ValidationError):
        SimulationSettings.model_validate(settings)


def test_what_ray_keeps_for_itself_is_no_resource():
    amounts = {"CPU": 4.0, "GPU": 1.0, "memory": 5e9, "object_store_memory": 1e9, "node:10.0.0.1": 1.0, "microscope": 2}

    total = resources_of(amounts)

    assert (total.cpus, total.gpus, total.memory_bytes, total.custom) == (4, 1, 5_000_000_000, {"microscope": 2.0})


def test_nodes_that_run_containers_are_a_class_of_their_own_and_ray_is_not_asked_for_them():
    with_podman, without = nodes_of([_entry("a"), _entry("b")], containers={"a"})
    needs = Resources(cpus=1, custom={CONTAINERS: 1, "microscope": 1})

    assert Resources(custom={CONTAINERS: 3}).fits(with_podman.total)
    assert not Resources(custom={CONTAINERS: 1}).fits(without.total)
    assert with_podman.node_class == f"{without.node_class}-containers"
    assert ray_amounts(needs)["resources"] == {"microscope": 1}
    assert ray_amounts(Resources(custom={CONTAINERS: 1}))["resources"] is None


async def test_nodes_that_leave_are_told_once_and_stay_away_while_ray_still_lists_them(monkeypatch: pytest.MonkeyPatch):
    listed = [_entry("a"), _entry("b", memory=5.2e9), _entry("c", GPU=1.0)]

    async def now() -> list[dict[str, Any]]:
        return listed

    monkeypatch.setattr(cluster_module, "list_nodes", now)
    left: list[str] = []
    view = RayCluster(on_lost=left.append)
    await view.refresh()
    assert view.snapshot().equal("a", "b")  # their memory differs by a little
    assert not view.snapshot().equal("a", "c")

    view.lose("b")
    await view.refresh()
    listed[2]["Alive"] = False
    await view.refresh()

    assert left == ["b", "c"]
    assert [node.id for node in view.snapshot().nodes] == ["a"]


def _entry(node: str, **amounts: float) -> dict[str, Any]:
    resources = {"CPU": 2.0, "memory": 5e9, f"node:{node}": 1.0, **amounts}
    labels = {"ray.io/node-id": node}
    where = {"NodeManagerAddress": "127.0.0.1", "NodeManagerPort": 1}
    return {"NodeID": node, "Alive": True, "Resources": resources, "Labels": labels, **where}
