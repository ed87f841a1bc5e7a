"""On Ray: joins, conditions on results and stragglers; a join survives kill -9 of its host and a restart."""

import os
import signal
from pathlib import Path
from typing import Any

import joining_agents as j
import pytest
from attempts import until
from ray_shards import a_ray_shard, ended

from actors.catalog import catalog_of
from planners.tasks import Task
from reconciler.state.commands import RunStatus
from reconciler.state.fan_out_ends import CompletionReason
from reconciler.state.outcomes import Verdict

# Workers of Ray take minutes to start on a machine on which much else runs.
pytestmark = pytest.mark.ray
GUARD_S = 150.0
CATALOG = catalog_of(j.looks, j.digs, j.reports, j.lingers)


def look(name: str, n: int) -> dict[str, Any]:
    return {"id": name, "capability": "look", "inputs": {"n": n}}


def report(name: str, steps: list[str], **policy: Any) -> dict[str, Any]:
    """A step that joins others, and names those that are there."""
    listed = ", ".join(f"$steps.{one}" for one in steps)
    there = f"[{listed}].filter(one, one != null)"
    return {
        "id": name,
        "capability": "report",
        "inputs": {"names": {"cel": f"{there}.map(one, string(one.n))"}, "count": {"cel": f"[{listed}].size()"}},
        "join": {"steps": steps, **policy},
    }


SEVERAL = Task.model_validate(
    {
        "inputs": {"least": 0.1},
        "workflow": {
            "steps": [
                look("one", 1),
                look("two", 2),
                look("broken", j.BROKEN),
                {"id": "deep", "capability": "dig"},
                report("few", ["two", "broken", "deep"], min_successful=1),
                report("most", ["one", "broken"], tolerated_failures=1),
                report("good", ["one", "deep"], complete_when="$results.exists(r, r.score >= $inputs.least)"),
                {
                    "id": "late",
                    "for_each": [4, 5, j.NEVER],
                    "steps": [look("each", 0) | {"inputs": {"n": "$item"}}],
                    "stragglers": {"factor": 1, "once": 2},
                },
            ],
            "outputs": {
                "few": "$steps.few",
                "most": "$steps.most",
                "good": "$steps.good",
                "late": {"cel": "$steps.late.map(one, one.n)"},
            },
        },
    }
)


async def test_several_steps_join_what_has_returned_and_stop_what_none_of_them_needs(tmp_path: Path, cluster: Any):
    async with a_ray_shard(CATALOG, tmp_path, cluster.cpu) as service:
        view = await ended(service, await service.submit(SEVERAL), GUARD_S)
        timeline = await service.shard.timeline(view.id)

    assert view.status is RunStatus.SUCCEEDED, view.failure
    assert view.outputs == {"few": "2 of 3", "most": "1 of 2", "good": "1 of 2", "late": [4, 5]}
    reasons = {one.fan_out: one.reason for one in view.completions}
    assert reasons == {
        "join:few": CompletionReason.MIN_SUCCESSFUL_REACHED,
        "join:most": CompletionReason.ALL_COMPLETED,
        "join:good": CompletionReason.CONDITION_REACHED,
        "late": CompletionReason.TIMED_OUT,
    }
    assert [bar.verdict for bar in timeline.bars if bar.step == "deep"] == [Verdict.FLUSH]


async def told(path: Path, before: str = "") -> str:
    """What is in a file, once that is something else than before."""

    def text() -> str:
        return path.read_text() if path.exists() else ""

    await until(lambda: text() not in ("", before), within_s=GUARD_S)
    return text()


async def test_a_join_survives_kill_9_of_the_host_under_it_and_a_restart_while_it_waits(tmp_path: Path, cluster: Any):
    def lingering(name: str) -> dict[str, Any]:
        return {"id": name, "capability": "linger", "inputs": {"folder": str(tmp_path), "name": name}}

    join = {"steps": ["fast", "slow", "never"], "min_successful": 2}
    inputs = {"names": {"cel": '[$steps.slow, $steps.never == null ? "none" : $steps.never]'}}
    last = {"id": "last", "capability": "report", "inputs": inputs, "join": join}
    task = Task.model_validate({"workflow": {"steps": [look("fast", 1), lingering("slow"), lingering("never"), last]}})
    slow = tmp_path / "slow.pid"

    async with a_ray_shard(CATALOG, tmp_path, cluster.cpu) as service:
        task_id = await service.submit(task)
        killed = await told(slow)
        await told(tmp_path / "never.pid")
        os.kill(int(killed), signal.SIGKILL)
        replaced = await told(slow, killed)

    async with a_ray_shard(CATALOG, tmp_path, cluster.cpu) as service:
        await told(slow, replaced)
        (tmp_path / "slow.go").touch()
        view = await ended(service, task_id, GUARD_S)

    assert view.status is RunStatus.SUCCEEDED, view.failure
    assert view.outputs == {"last": "slow, none of 0"}
    (completion,) = view.completions
    assert (completion.results, completion.missing) == (2, {2: "'never': it was cancelled"})
