"""An agent hands the signed address of a callback to an outside system, which answers at once, or sends heartbeats."""

import asyncio
import time
from urllib.parse import unquote, urlsplit

from shards import a_shard

from actors.agent import agent
from actors.catalog import catalog_of
from actors.context import Context
from actors.executor.local_executor import LocalExecutor
from orchestrator.callback_urls import CallbackUrls
from planners.model import StepId
from planners.tasks import Task
from reconciler.state.commands import RunStatus
from reconciler.state.events import StepAnswered
from reconciler.state.waiting import WaitKind

GUARD_S = 60.0
URLS = CallbackUrls("http://forerun", b"a key that signs", 60.0)


@agent(capability="ask", effect="idempotent")
async def ask(what: str, context: Context) -> str:
    return context.callback_url()


CATALOG = catalog_of(ask)


def a_task(**limits):
    steps = [
        {"id": "ask", "capability": "ask", "inputs": {"what": "pay"}},
        {"id": "paid", "callback": "the payment", "after": ["ask"], **limits},
    ]
    outputs = {"url": "$steps.ask", "paid": "$steps.paid"}
    return Task.model_validate({"workflow": {"steps": steps, "outputs": outputs}, "planning": {"mode": "wait"}})


async def waiting(service, task_id):
    async with asyncio.timeout(GUARD_S):
        while True:
            waits = (await service.shard.show(task_id)).waiting
            if any(reason.kind is WaitKind.ANSWER for reason in waits):
                return
            await asyncio.sleep(0.01)


async def test_an_outside_system_answers_at_the_address_that_an_agent_gave_it(tmp_path):
    executor = LocalExecutor(CATALOG, callbacks=URLS)
    async with a_shard(CATALOG, tmp_path, executor=executor) as service:
        task_id = await service.submit(a_task(heartbeat_s=3600.0))
        await waiting(service, task_id)
        assert await service.shard.heartbeat(task_id, StepId("paid"))
        await service.shard.answer(task_id, StepId("paid"), StepAnswered(at_s=0, attempt="", output=12))

        ended = await service.ended(task_id)

        assert ended.status is RunStatus.SUCCEEDED
        assert ended.outputs["paid"] == 12
        url = urlsplit(ended.outputs["url"])
        query = dict(part.split("=") for part in url.query.split("&"))
        assert unquote(url.path) == f"/v1/callbacks/{task_id}/paid"
        assert float(query["expires"]) > time.time()
        URLS.check(task_id, StepId("paid"), **query)


async def test_a_callback_that_hears_nothing_takes_its_default_answer(tmp_path):
    executor = LocalExecutor(CATALOG, callbacks=URLS)
    async with a_shard(CATALOG, tmp_path, executor=executor) as service:
        task_id = await service.submit(a_task(heartbeat_s=0.05, on_expiry={"output": "nothing"}))

        ended = await service.ended(task_id)

        assert ended.status is RunStatus.SUCCEEDED
        assert ended.outputs["paid"] == "nothing"
