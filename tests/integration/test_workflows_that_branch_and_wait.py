"""A workflow with a route, a quorum and an approval, with the real planners, over a restart of the service."""

import asyncio

import pytest
from shards import a_shard

from actors.agent import agent
from actors.catalog import catalog_of
from planners.model import StepId
from planners.tasks import Task
from reconciler.errors import NotAsked, UnknownStep
from reconciler.state.commands import RunStatus
from reconciler.state.events import StepAnswered
from reconciler.state.waiting import WaitKind

GUARD_S = 60.0


@agent(capability="label")
async def label(text: str) -> str:
    return "refund" if "money" in text else "praise"


@agent(capability="look_up")
async def look_up(source: int) -> int:
    if source == 1:
        raise ValueError("there is no such source")
    if source == 2:
        await asyncio.sleep(3600)
    return source


@agent(capability="reply", effect="irreversible")
async def reply(found: list[int], said: str) -> str:
    return f"{found} {said}"


@agent(capability="sum_up")
async def sum_up(found: list[int | None]) -> list[int | None]:
    return found


CATALOG = catalog_of(label, look_up, reply, sum_up)
TASK = Task.model_validate(
    {
        "inputs": {"text": "money back", "sources": [0, 1, 2, 3]},
        "workflow": {
            "steps": [
                {"id": "triage", "capability": "label", "inputs": {"text": "$inputs.text"}},
                {
                    "id": "answer",
                    "route": [
                        {
                            "when": '$steps.triage == "refund"',
                            "output": "send",
                            "steps": [
                                {
                                    "id": "sources",
                                    "for_each": "$inputs.sources",
                                    "min_successful": 2,
                                    "steps": [{"id": "found", "capability": "look_up", "inputs": {"source": "$item"}}],
                                },
                                {"id": "sign", "approval": "Pay?", "inputs": {"found": "$steps.sources"}},
                                {
                                    "id": "send",
                                    "capability": "reply",
                                    "inputs": {"found": "$steps.sources", "said": "$steps.sign.comment"},
                                },
                            ],
                        }
                    ],
                    "else": [{"id": "thank", "capability": "label", "inputs": {"text": "thanks"}}],
                },
            ]
        },
    }
)


JOINED = Task.model_validate(
    {
        "workflow": {
            "steps": [
                *({"id": f"s{n}", "capability": "look_up", "inputs": {"source": n}} for n in range(4)),
                {
                    "id": "end",
                    "capability": "sum_up",
                    "inputs": {"found": [f"$steps.s{n}" for n in range(4)]},
                    "join": {"steps": [f"s{n}" for n in range(4)], "min_successful": 2},
                },
            ]
        },
    }
)


async def asked(service, task_id):
    """The view once a person is asked."""
    async with asyncio.timeout(GUARD_S):
        while True:
            view = await service.shard.show(task_id)
            if any(reason.kind is WaitKind.ANSWER for reason in view.waiting):
                return view
            await asyncio.sleep(0.01)


async def test_a_task_waits_for_an_approval_over_a_restart_and_goes_on(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(TASK)
        view = await asked(service, task_id)
        assert view.completions[0].results == 2
        assert view.steps.skipped == 3  # two look-ups that were not needed, and the other way

    async with a_shard(CATALOG, tmp_path) as service:
        view = await asked(service, task_id)
        (question,) = [reason for reason in view.waiting if reason.kind is WaitKind.ANSWER]
        assert (question.step, question.message) == ("sign", "waiting for an answer: Pay?")
        answer = StepAnswered(at_s=0, attempt="", by="ada", comment="fine")
        with pytest.raises(NotAsked):
            await service.shard.answer(task_id, StepId("triage"), answer)
        with pytest.raises(UnknownStep):
            await service.shard.answer(task_id, StepId("nowhere"), answer)
        await service.shard.answer(task_id, StepId("sign"), answer)
        view = await service.ended(task_id)
        with pytest.raises(NotAsked):
            await service.shard.answer(task_id, StepId("sign"), answer)

    assert view.status is RunStatus.SUCCEEDED
    assert view.outputs == {"answer": "[0, 3] fine"}


async def test_a_rejected_task_fails_and_says_who_rejected_it(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(TASK)
        await asked(service, task_id)
        answer = StepAnswered(at_s=0, attempt="", approved=False, by="ada", comment="too much")
        await service.shard.answer(task_id, StepId("sign"), answer)
        view = await service.ended(task_id)

    assert view.status is RunStatus.FAILED
    assert view.failure.message == "step 'sign' failed: rejected by ada: too much"


async def test_a_step_goes_on_with_those_it_joins_that_have_succeeded(tmp_path):
    """One of four look-ups fails and one never returns."""
    async with a_shard(CATALOG, tmp_path) as service:
        view = await service.ended(await service.submit(JOINED))

    assert view.status is RunStatus.SUCCEEDED, view.failure
    assert view.outputs == {"end": [0, None, None, 3]}
    (completion,) = view.completions
    assert (completion.fan_out, completion.results, list(completion.missing)) == ("join:end", 2, [1, 2])
