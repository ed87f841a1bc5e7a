"""Expressions in a service: inputs made of outputs of any size, and fan-outs that end when a condition holds."""

import asyncio

from shards import a_shard

from actors.agent import agent
from actors.catalog import catalog_of
from planners.tasks import Task
from reconciler.state.commands import RunStatus
from reconciler.state.fan_out_ends import CompletionReason
from reconciler.state.handoff import FailureKind

# More than travels inline.
PADDING = "x" * 20_000


@agent(capability="search")
async def search(count: int, padding: str = "") -> dict:
    return {"hits": [{"name": f"hit {n}", "score": n, "text": padding} for n in range(count)]}


@agent(capability="report")
async def report(names: list[str], of: int = 0) -> str:
    return f"{', '.join(names)} of {of}"


@agent(capability="look")
async def look(n: int) -> dict:
    await asyncio.sleep(0.0 if n < 3 else 600.0)
    return {"n": n, "score": n / 2}


CATALOG = catalog_of(search, report, look)


def a_task(*steps, **outputs):
    return Task.model_validate({"workflow": {"steps": list(steps), "outputs": outputs}})


def searched(padding="", names="$steps.search.hits.filter(h, h.score > 0).map(h, h.name)"):
    return (
        {"id": "search", "capability": "search", "inputs": {"count": 3, "padding": padding}},
        {
            "id": "report",
            "capability": "report",
            "inputs": {"names": {"cel": names}, "of": {"cel": "$steps.search.hits.size()"}},
        },
    )


async def test_inputs_are_made_of_small_and_large_outputs(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        for padding in ("", PADDING):
            view = await service.ended(await service.submit(a_task(*searched(padding))))
            assert view.outputs == {"report": "hit 1, hit 2 of 3"}, view.failure


async def test_a_failed_evaluation_is_the_failure_of_the_step(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        wrong = "$steps.search.hits.map(h, h.title)"
        for padding in ("", PADDING):
            view = await service.ended(await service.submit(a_task(*searched(padding, wrong))))

            assert view.status is RunStatus.FAILED
            assert view.failure.kind is FailureKind.BAD_INPUT
            assert wrong in view.failure.message
            assert "Key not found" in view.failure.message
            assert "has()" in view.failure.fix


async def test_a_list_a_pause_a_state_and_an_output_of_the_task_are_made_when_the_workflow_goes_on(tmp_path):
    each = {
        "id": "each",
        "for_each": {"cel": "$steps.search.hits.filter(h, h.score < 2)"},
        "steps": [{"id": "look", "capability": "look", "inputs": {"n": "$item.score"}}],
    }
    rest = {"id": "rest", "wait": {"cel": "$steps.search.hits.size() / 100"}, "after": ["each"]}
    loop = {
        "id": "adds",
        "loop": [{"id": "again", "capability": "look", "inputs": {"n": "$state.turn"}}],
        "state": {"sum": 0},
        "next": {"sum": {"cel": "$state.sum + $steps.again.n"}},
        "until": "$state.sum >= 1",
        "max": 9,
    }
    task = a_task(searched()[0], each, rest, loop, scores={"cel": "$steps.each.map(e, e.score)"}, last="$steps.adds.n")

    async with a_shard(CATALOG, tmp_path) as service:
        view = await service.ended(await service.submit(task))

    assert view.outputs == {"scores": [0.0, 0.5], "last": 2}, view.failure


async def test_a_fan_out_goes_on_when_its_condition_holds(tmp_path):
    each = {
        "id": "each",
        "for_each": [0, 1, 2, 3, 4],
        "steps": [{"id": "look", "capability": "look", "inputs": {"n": "$item"}}],
        "complete_when": "$results.exists(r, r.score == 0.5) && $results.exists(r, r.score == 1.0)",
    }
    async with a_shard(CATALOG, tmp_path) as service:
        view = await service.ended(await service.submit(a_task(each, best={"cel": "$steps.each.map(e, e.n)"})))

    assert {1, 2} <= set(view.outputs["best"]) <= {0, 1, 2}, view.failure
    assert [one.reason for one in view.completions] == [CompletionReason.CONDITION_REACHED]
