"""Ray cancels what a cancelled request has called: calls that read end with it, calls that write go on."""

import asyncio
from typing import Any

import pytest
import ray
from ray.exceptions import TaskCancelledError

from orchestrator.gateway.actor_calls import NAMESPACE, ActorCalls

_SHARD = "a-shard-that-tells"


@ray.remote(num_cpus=0)
class _Shard:
    """Tells what became of its calls."""

    def __init__(self) -> None:
        self._begun = asyncio.Semaphore(0)
        self._released = asyncio.Event()
        self._ended: dict[str, asyncio.Future[str]] = {}

    async def work(self, kind: str) -> None:
        self._ended[kind] = asyncio.get_running_loop().create_future()
        self._begun.release()
        try:
            await self._released.wait()
            self._ended[kind].set_result("done")
        except asyncio.CancelledError:
            self._ended[kind].set_result("cancelled")
            raise

    async def begun(self, calls: int) -> None:
        for _ in range(calls):
            await self._begun.acquire()

    async def release(self) -> None:
        self._released.set()

    async def ended(self, kind: str) -> str:
        return await self._ended[kind]


@ray.remote(num_cpus=0)
class _Ingress:
    def __init__(self) -> None:
        self._heard = asyncio.get_running_loop().create_future()

    async def answer(self) -> None:
        calls = ActorCalls()
        await asyncio.gather(
            calls.call(_SHARD, "the shard", "work", "read"), calls.change(_SHARD, "the shard", "work", "write")
        )

    async def answer_in_another_task(self) -> None:
        """As the SDK of MCP does, whose handlers hear of a cancelled request later than Ray cancels what they call."""
        handler = asyncio.create_task(ActorCalls().call(_SHARD, "the shard", "work", "read"))
        handler.add_done_callback(self._tell)
        await asyncio.Event().wait()

    def _tell(self, handler: "asyncio.Task[Any]") -> None:
        self._heard.set_result("cancelled" if handler.cancelled() else repr(handler.exception()))

    async def heard(self) -> str:
        return await self._heard


async def test_a_request_that_is_cancelled_takes_its_reads_with_it_and_leaves_its_writes(cluster: Any) -> None:
    shard: Any = _Shard.options(name=_SHARD, namespace=NAMESPACE).remote()  # type: ignore[attr-defined]
    ingress: Any = _Ingress.remote()  # type: ignore[attr-defined]
    request = ingress.answer.remote()
    await shard.begun.remote(2)

    ray.cancel(request)
    with pytest.raises(TaskCancelledError):
        await request
    read = await shard.ended.remote("read")
    await shard.release.remote()

    assert read == "cancelled"
    assert await shard.ended.remote("write") == "done"


async def test_a_read_that_ray_cancels_does_not_fail_but_is_cancelled(cluster: Any) -> None:
    """Whoever awaits it has been given up, which is no failure of the shard."""
    shard: Any = _Shard.options(name=_SHARD, namespace=NAMESPACE).remote()  # type: ignore[attr-defined]
    ingress: Any = _Ingress.remote()  # type: ignore[attr-defined]
    request = ingress.answer_in_another_task.remote()
    await shard.begun.remote(1)

    ray.cancel(request)

    assert await ingress.heard.remote() == "cancelled"
