"""The async client of the HTTP API. `Client.sync` returns one with the same methods without ``await``."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, cast

import httpx
from httpx_sse import EventSource
from pydantic import BaseModel, JsonValue, ValidationError

from orchestrator.batch_answer import BatchAnswer
from orchestrator.client.answers import Answers
from orchestrator.client.blocking import SyncClient
from orchestrator.client.credentials import request_headers
from orchestrator.client.errors import Busy, NotOurs, TaskFailed, Unreachable, refusal
from orchestrator.client.patience import RESUME_S, is_away, is_partly_away, keyed, patiently, until_ended
from orchestrator.client.service_url import check_url
from orchestrator.client.task_query import Filters, task_query
from orchestrator.gateway.protocol import END_OF_EVENTS, LearnerVersions, Preview
from orchestrator.known_agents import KnownAgents
from orchestrator.reload import Reloaded
from orchestrator.task_documents import Submittable, task_of
from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from reconciler.state.commands import RunStatus
from reconciler.views.context import ContextView
from reconciler.views.logs import LogLevel, LogLine, LogPage, LogQuery
from reconciler.views.models import FailuresView, PlansView, StoredEvent, TaskPage, TaskView, Timeline
from reconciler.views.step_view import StepView

DEFAULT_URL = "http://127.0.0.1:8700"

_View = TypeVar("_View", bound=BaseModel)
_LONGEST_MODEL_S = 900.0
# The planner and every shard import the agents anew, and each part has 30 s to answer.
_RELOAD_S = 120.0
# A task in doubt does not end, so the service does not report it before this time is over.
_POLL_S = 10.0


class Client(Answers):
    """A connection to one service. Use it as an async context manager, or close it with `aclose`.

    Every method raises `Refused` (or a subclass) with the problem document if the service refuses the request, and
    `Unreachable` if the service does not answer.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        timeout_s: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Connect to the service at a URL.

        Args:
            url: of the service.
            timeout_s: bounds one request.
            transport: how requests are sent; default: over the network.
            token: API key, if the service requires one (`forerun keys create`).
            headers: sent with every request, for a proxy. One that is named Authorization goes before ``token``, which
                is then sent as X-Forerun-Key.

        Raises:
            Unreachable: the URL is invalid.
        """
        self.url = url.rstrip("/")
        check_url(self.url)
        self._http = httpx.AsyncClient(
            base_url=self.url, timeout=timeout_s, transport=transport, headers=request_headers(token, headers or {})
        )

    @classmethod
    def sync(
        cls,
        url: str = DEFAULT_URL,
        timeout_s: float = 30.0,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> SyncClient:
        """The same client for code without an event loop; works with and without a ``with`` block.

        Raises:
            Unreachable: the URL is invalid.
        """
        return SyncClient(cls(url, timeout_s, token=token, headers=headers))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def submit(self, task: Submittable, idempotency_key: str | None = None, *, wait_s: float = 0.0) -> TaskView:
        """Submit a task. It is durable when this returns; sent again with the same key it is the same task.

        While a part of the service does not answer (503), or after an answer was lost, it is sent again for some
        seconds. With ``wait_s`` it returns once the task has ended, but no later than after so many seconds.
        """
        body = task_of(task).model_dump_json(exclude_unset=True)
        how: dict[str, Any] = {"params": {"wait_s": str(wait_s)}, "timeout": wait_s + 30} if wait_s > 0 else {}
        return await self._view(TaskView, "POST", "/v1/tasks", content=body, headers=keyed(idempotency_key), **how)

    async def submit_many(self, tasks: Iterable[Submittable], idempotency_key: str | None = None) -> BatchAnswer:
        """Submit up to 1,000 tasks in one request. Each is admitted or refused by itself, in the same order.

        While a part of the service does not answer, or after the answer was lost, all are sent again for some seconds;
        what is admitted stays so.
        """
        bodies = ",".join(task_of(task).model_dump_json(exclude_unset=True) for task in tasks)
        body, headers = f'{{"tasks": [{bodies}]}}', keyed(idempotency_key)
        more = {"content": body, "headers": headers, "is_away": is_partly_away}
        return await self._view(BatchAnswer, "POST", "/v1/tasks:batch", **more)

    async def preview(self, task: Submittable) -> Preview:
        """Both plans of a task and the verdicts, without running it."""
        given = task_of(task)
        body = given.model_dump_json(exclude_unset=True)
        # Only the service knows how long its model may take, and it has a timeout of its own.
        timeout_s = given.planning.time_limit_s + (60 if given.goal is None else _LONGEST_MODEL_S)
        return await self._view(Preview, "POST", "/v1/plans", content=body, timeout=timeout_s)

    async def get(self, task_id: str) -> TaskView:
        """The task as it is now."""
        return await self._view(TaskView, "GET", f"/v1/tasks/{task_id}")

    async def wait(self, task_id: str, timeout_s: float | None = None) -> TaskView:
        """The task once it has ended or needs `resolve`, or as it is after ``timeout_s`` seconds.

        A service that is being restarted is waited for. A task outlives that.
        """

        async def look(wait_s: float) -> TaskView:
            path, params = f"/v1/tasks/{task_id}", {"wait_s": str(wait_s)}
            return await self._view(TaskView, "GET", path, params=params, timeout=wait_s + 30)

        return await until_ended(look, timeout_s, _POLL_S)

    async def result(self, task_id: str, timeout_s: float | None = None) -> dict[str, JsonValue]:
        """The outputs of the task once it has succeeded.

        Raises:
            TaskFailed: it has failed, was cancelled, or is in doubt; the message tells where and why.
            TimeoutError: it goes on after ``timeout_s`` seconds.
        """
        view = await self.wait(task_id, timeout_s)
        if view.status is RunStatus.SUCCEEDED:
            return view.outputs or {}
        if view.status.ended or view.needs_resolution:
            raise TaskFailed(view)
        raise TimeoutError(f"task {task_id} is {view.status.value} after {timeout_s:g} s")

    async def cancel(self, task_id: str, reason: str = "") -> TaskView:
        """Cancel the run. A task that has ended is returned unchanged."""
        return await self._view(TaskView, "DELETE", f"/v1/tasks/{task_id}", params={"reason": reason})

    async def retry(self, task_id: str, from_step: str | None = None, idempotency_key: str | None = None) -> TaskView:
        """Run an ended task again, as a new task that keeps finished work; with ``from_step`` only that before it."""
        params = {} if from_step is None else {"from_step": from_step}
        path = f"/v1/tasks/{task_id}:retry"
        return await self._view(TaskView, "POST", path, params=params, headers=keyed(idempotency_key))

    async def list(
        self, limit: int = 50, before: str | None = None, status: str | None = None, **filters: Unpack[Filters]
    ) -> TaskPage:
        """Tasks, newest first. ``before`` is the ``next_before`` of the previous page."""
        return await self._view(TaskPage, "GET", "/v1/tasks", params=task_query(limit, before, status, **filters))

    async def events(self, task_id: str, after: int = 0) -> AsyncIterator[StoredEvent]:
        """The run's events after a sequence number, as they happen, until the run ends. Lost connections are resumed.

        Raises:
            Unreachable: the service was away for longer than a restart takes.
        """
        failures = 0
        while True:
            try:
                async with self._http.stream(
                    "GET", f"/v1/tasks/{task_id}/events", headers={"Last-Event-ID": str(after)}, timeout=60
                ) as response:
                    if response.status_code == httpx.codes.NO_CONTENT:
                        return
                    if response.is_error:
                        await response.aread()
                        raise refusal(response)
                    async for sent in EventSource(response).aiter_sse():
                        failures = 0
                        if sent.event == END_OF_EVENTS:
                            return
                        if sent.data:
                            event = StoredEvent.model_validate_json(sent.data)
                            after = event.seq
                            yield event
            except Busy:
                # A shard that restarts answers 503 for a few seconds.
                if failures >= len(RESUME_S):
                    raise
            except httpx.TransportError as error:
                if failures >= len(RESUME_S):
                    raise Unreachable.at(self.url, error) from None
            await asyncio.sleep(RESUME_S[min(failures, len(RESUME_S) - 1)])
            failures += 1

    async def log_page(self, task_id: str, query: LogQuery | None = None, wait_s: float = 0.0) -> LogPage:
        """One page of what the attempts of a task have printed and logged; waits up to ``wait_s`` for a first line."""
        asked = (query or LogQuery()).model_dump(mode="json", exclude={"v"}, exclude_none=True)
        params = {**asked, "wait_s": str(wait_s)}
        return await self._view(LogPage, "GET", f"/v1/tasks/{task_id}/logs", params=params, timeout=wait_s + 30)

    async def logs(  # noqa: PLR0913 - keywords with defaults
        self,
        task_id: str,
        step: str | None = None,
        *,
        attempt: str | None = None,
        level: LogLevel | str = LogLevel.DEBUG,
        last: int | None = None,
        follow: bool = False,
    ) -> AsyncIterator[LogLine]:
        """What the attempts of a task have printed and logged, in order.

        Args:
            task_id: the task.
            step: only lines of this step, or of steps inside it.
            attempt: only lines of this attempt.
            level: only lines that are at least this severe.
            last: only the last lines, so many of those that are there now.
            follow: go on until the run has ended. Lost connections are resumed.
        """
        given = {"step": step, "attempt": attempt, "level": level, "tail": last is not None}
        query = LogQuery.model_validate({**given, **({} if last is None else {"limit": last})})
        wait_s = _POLL_S if follow else 0.0
        failures = 0
        while True:
            try:
                page = await self.log_page(task_id, query, wait_s)
            except (Busy, Unreachable):
                if not follow or failures >= len(RESUME_S):
                    raise
                await asyncio.sleep(RESUME_S[failures])
                failures += 1
                continue
            failures = 0
            for line in page.lines:
                yield line
            if page.ended or not (follow or page.next_after > query.after):
                return
            query = LogQuery(step=query.step, attempt=query.attempt, level=query.level, after=page.next_after)

    async def plans(self, task_id: str) -> PlansView:
        """The speculative and the optimal plan, their similarity, and the verdicts."""
        return await self._view(PlansView, "GET", f"/v1/tasks/{task_id}/plans")

    async def timeline(self, task_id: str) -> Timeline:
        """All attempts with their times and verdicts."""
        return await self._view(Timeline, "GET", f"/v1/tasks/{task_id}/timeline")

    async def failures(self, task_id: str) -> FailuresView:
        """The latest failed attempts with everything that is known of them, those that were retried included."""
        return await self._view(FailuresView, "GET", f"/v1/tasks/{task_id}/failures")

    async def step(self, task_id: str, step: str) -> StepView:
        """One step: inputs, placements, attempts, the gate's decision, and why it waits."""
        return await self._view(StepView, "GET", f"/v1/tasks/{task_id}/steps/{step}")

    async def context(self, task_id: str) -> ContextView:
        """What the steps of a task have written to its context, version by version."""
        return await self._view(ContextView, "GET", f"/v1/tasks/{task_id}/context")

    async def trace(self, task_id: str) -> dict[str, JsonValue]:
        """The run in the Trace Event Format, for ui.perfetto.dev or chrome://tracing."""
        return cast("dict[str, JsonValue]", await self._json(f"/v1/tasks/{task_id}/trace"))

    async def output(self, task_id: str, step: str) -> JsonValue:
        """The output of a finished step."""
        return cast("JsonValue", await self._json(f"/v1/tasks/{task_id}/outputs/{step}"))

    async def agents(self) -> KnownAgents:
        """The catalog: all agents and providers, and who does not answer."""
        return await self._view(KnownAgents, "GET", "/v1/agents")

    async def reload(self, catalog: Catalog) -> Reloaded:
        """Replace the service's catalog, and let later attempts use the present code of their agents."""
        body = catalog.model_dump_json(exclude_unset=True)
        return await self._view(Reloaded, "POST", "/v1/reload", content=body, timeout=_RELOAD_S)

    async def nodes(self) -> ClusterSnapshot:
        """The cluster as it is now."""
        return await self._view(ClusterSnapshot, "GET", "/v1/nodes")

    async def learner(self) -> dict[str, JsonValue]:
        """The learner's status and the gate's ledger."""
        return cast("dict[str, JsonValue]", await self._json("/v1/learner"))

    async def learner_versions(self) -> LearnerVersions:
        """The stored versions of the learned models."""
        return await self._view(LearnerVersions, "GET", "/v1/learner/versions")

    async def learner_rollback(self, version: int | None = None) -> LearnerVersions:
        """Switch to a stored version of the learned models; None is the previous one."""
        params = {} if version is None else {"version": str(version)}
        return await self._view(LearnerVersions, "POST", "/v1/learner/rollback", params=params)

    async def ready(self) -> bool:
        """Whether tasks can be submitted."""
        try:
            return (await self._http.get("/readyz")).is_success
        except httpx.TransportError:
            return False

    async def _view(self, kind: type[_View], method: str, path: str, **request: Any) -> _View:
        response = await self._ask(method, path, **request)
        try:
            return kind.model_validate_json(response.content)
        except ValidationError:
            raise NotOurs.at(self.url, path) from None

    async def _json(self, path: str) -> Any:
        response = await self._ask("GET", path)
        try:
            return response.json()
        except ValueError:
            raise NotOurs.at(self.url, path) from None

    async def _ask(
        self, method: str, path: str, is_away: Callable[[httpx.Response], bool] = is_away, **request: Any
    ) -> httpx.Response:
        if "content" in request:
            request["headers"] = {"Content-Type": "application/json", **request.get("headers", {})}
        send = functools.partial(self._http.request, method, path, **request)
        try:
            response = await (patiently(send, is_away) if "Idempotency-Key" in request.get("headers", {}) else send())
        except httpx.TransportError as error:
            raise Unreachable.at(self.url, error) from None
        if response.is_error:
            raise refusal(response)
        return response
