"""How long callbacks hold the event loop of a shard that also serves HTTP: thread CPU time, without Ray.

Large runs, lists of tasks and streams of events are what may hold it. Agents are simulated on the same loop. The
optimal planner has a thread, as it has a process in a service.
"""

import asyncio
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
from pydantic import PositiveInt

from actors.executor.local_executor import LocalExecutor
from benchmarks.simulated import simulated
from orchestrator.gateway.ray_gateway import PLANNER, RayGateway, shard_name
from orchestrator.ingress.app import build
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.http_server import HttpServer
from orchestrator.local.ports import NODE, LocalPlanning, LoopClock, NothingLearned, ThisMachine, room_for
from orchestrator.service.addresses import with_port
from orchestrator.settings import Http, IngressMode, Settings
from planners.agents import Catalog
from planners.plans import Plan
from planners.requests import PlanRequest
from reconciler.journal import Journal
from reconciler.runtime.actor import ReconcilerActor
from reconciler.runtime.ports import Ports
from reconciler.runtime.shard import Shard

CATALOG = Catalog(agents=(simulated("worker", "work", settings={"duration_s": 0.0}, expected_s=0.1),))
_POLL_S = 0.02
_PAGES = 20
# Callbacks that take less have no name in the figures.
_NAMED_S = 0.005
_LONGEST = 8
_WAIT_S = 300.0
_TITLE_CHARS = 120


def run(steps: PositiveInt = 5_000, listed: PositiveInt = 100, listed_steps: PositiveInt = 500) -> dict[str, Any]:
    """Run workflows of ``steps`` steps while their status is polled, read all that is shown of them, and list tasks.

    For each part: how many callbacks ran, the 99.9 % quantile of the CPU milliseconds they took, and the longest ones.
    ``latency_ms`` are the median and the maximum of the requests. ``cpu_ms`` is what a page of ``listed`` ended tasks
    of ``listed_steps`` steps costs all threads, the client's included.
    """
    return asyncio.run(_measured(steps, listed, listed_steps))


async def _measured(steps: int, listed: int, listed_steps: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        async with _Served(Path(folder)) as served:
            with _Client(served.url) as client:
                parts: dict[str, Callable[[], dict[str, Any]]] = {
                    "side by side": lambda: client.followed(_task(steps, chained=False)),
                    "chain": lambda: client.followed(_task(steps, chained=True)),
                    "guessed": lambda: client.followed(_task(steps, chained=True, mode="forerun")),
                    "list": lambda: client.lists(listed, listed_steps),
                }
                return {name: await served.observed(part) for name, part in parts.items()}


def _task(steps: int, *, chained: bool, mode: str = "list_schedule") -> dict[str, Any]:
    def step(number: int) -> dict[str, Any]:
        after = {"after": [f"s{number - 1}"]} if chained and number else {}
        return {"id": f"s{number}", "capability": "work", "inputs": {"value": number}, **after}

    planning = {"mode": mode, "alpha": 1.0, "value_of_time_usd_per_s": 10.0}
    return {"workflow": {"steps": [step(n) for n in range(steps)]}, "planning": planning}


class _Client:
    """Asks over HTTP, from another thread than the event loop's."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=_WAIT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def followed(self, task: dict[str, Any]) -> dict[str, Any]:
        """Poll a task's status until it has ended, then read what is shown of it."""
        submitted = _checked(self._http.post("/v1/tasks", json=task)).json()["id"]
        latencies = []
        while True:
            began_s = time.perf_counter()
            view = self._http.get(f"/v1/tasks/{submitted}").raise_for_status().json()
            latencies.append(time.perf_counter() - began_s)
            if view["status"] not in {"planning", "running"}:
                break
            time.sleep(_POLL_S)
        assert view["status"] == "succeeded", view["failure"]
        for shown in ("timeline", "plans", "graph"):
            self._http.get(f"/v1/tasks/{submitted}/{shown}").raise_for_status()
        return {"polls": len(latencies), "events": self._events(submitted), "latency_ms": _middle_and_most(latencies)}

    def _events(self, task: str) -> int:
        with self._http.stream("GET", f"/v1/tasks/{task}/events") as answer:
            return sum(line.startswith("id:") for line in answer.iter_lines())

    def lists(self, count: int, steps: int) -> dict[str, Any]:
        """Submit tasks and list them."""
        task, waiting = _task(steps, chained=False), {"wait_s": _WAIT_S}
        for _ in range(count):
            _checked(self._http.post("/v1/tasks", json=task, params=waiting))
        latencies, used_s = [], time.process_time()
        for _ in range(_PAGES):
            began_s = time.perf_counter()
            page = self._http.get("/v1/tasks", params={"limit": count}).raise_for_status().json()
            latencies.append(time.perf_counter() - began_s)
        cpu_ms = round(1_000 * (time.process_time() - used_s) / _PAGES, 2)
        return {"tasks": len(page["tasks"]), "cpu_ms": cpu_ms, "latency_ms": _middle_and_most(latencies)}


def _checked(answer: httpx.Response) -> httpx.Response:
    assert answer.is_success, answer.text
    return answer


def _middle_and_most(seconds: list[float]) -> list[float]:
    ordered = sorted(seconds)
    return [round(1_000 * value, 2) for value in (ordered[len(ordered) // 2], ordered[-1])]


class _Planning(LocalPlanning):
    """The optimal planner runs on an event loop of its own."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.planning, None)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def plan(self, request: PlanRequest) -> AsyncGenerator[Plan, None]:
        """See `reconciler.runtime.ports.Planning`."""
        return self._planned(request)

    async def _planned(self, request: PlanRequest) -> AsyncGenerator[Plan, None]:
        async def made() -> list[Plan]:
            return [plan async for plan in super(_Planning, self).plan(request)]

        for plan in await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(made(), self._loop)):
            yield plan

    def close(self) -> None:
        """Stop all solves, and the loop."""
        super().close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Planner:
    """The planner's actor, as far as submissions ask for it."""

    async def under_way(self) -> int:
        """Nothing."""
        return 0


class _Served:
    """A shard and the HTTP application on this event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shard = ReconcilerActor(self._build, 0)

    async def __aenter__(self) -> Self:
        await self._shard.start()
        settings = Settings(http=Http(port=0, ingress=IngressMode.DIRECT))
        gateway = RayGateway(settings, {shard_name(0): self._shard, PLANNER: _Planner()})
        port = with_port(settings.http).port
        self._server = HttpServer("127.0.0.1", port)
        await self._server.start(build(IngressContext(gateway, settings, CATALOG)))
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()
        await self._shard.close()

    async def _build(self, _index: int) -> Shard:
        settings = Settings()
        executor = LocalExecutor(CATALOG, {NODE: room_for(CATALOG)}, logs=None)
        planning, nothing = _Planning(settings), NothingLearned(settings.gate)
        ports = Ports(
            catalog=CATALOG,
            executor=executor,
            planning=planning,
            cluster=ThisMachine(CATALOG, executor),
            clock=LoopClock(),
            outcomes=nothing,
            advice=nothing,
        )
        journal = Journal(f"sqlite:///{self._folder / 'journal.sqlite3'}")
        return Shard(ports, journal, nothing, on_close=(executor.close, planning.close))

    async def observed(self, part: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The figures of a part, which runs in a thread, and of the callbacks meanwhile."""
        with callback_seconds() as durations:
            figures = await asyncio.to_thread(part)
        durations.sort()
        at = durations[min(len(durations) - 1, round(0.999 * len(durations)))][0]
        longest = [f"{1_000 * seconds:.1f} {name}" for seconds, name in reversed(durations[-_LONGEST:])]
        callbacks = {"callbacks": len(durations), "p999_ms": round(1_000 * at, 2), "longest": longest}
        return {**figures, **callbacks}


@contextmanager
def callback_seconds() -> Iterator[list[tuple[float, str]]]:
    """The CPU seconds that every callback of the running event loop takes, and its name. asyncio's own loop only."""
    durations: list[tuple[float, str]] = []
    handle = asyncio.events.Handle
    plain = handle._run  # noqa: SLF001 -- asyncio has no hook around callbacks

    def timed(self: asyncio.Handle) -> None:
        callback = self._callback  # type: ignore[attr-defined]
        owner = getattr(callback, "__self__", None)
        began_s = time.thread_time()
        plain(self)
        seconds = time.thread_time() - began_s
        name = _name(owner, callback) if seconds > _NAMED_S else ""
        durations.append((seconds, name))

    handle._run = timed  # type: ignore[method-assign]  # noqa: SLF001
    try:
        yield durations
    finally:
        handle._run = plain  # type: ignore[method-assign]  # noqa: SLF001


def _name(owner: Any, callback: Any) -> str:
    if isinstance(owner, asyncio.Task):
        return getattr(owner.get_coro(), "__qualname__", str(owner.get_coro()))[:_TITLE_CHARS]
    return str(callback)[:_TITLE_CHARS]
