"""A run as events of AG-UI (extra ``ag-ui``), so that front ends which speak it can show one."""

from collections.abc import AsyncIterator, Iterator

from ag_ui.core import (
    BaseEvent,
    RunErrorEvent,
    RunFinishedEvent,
    RunStartedEvent,
    StateSnapshotEvent,
    StepFinishedEvent,
    StepStartedEvent,
)
from ag_ui.encoder import EventEncoder
from fastapi import Response
from fastapi.responses import StreamingResponse

from orchestrator.gateway.protocol import Gateway
from orchestrator.ingress.paged_stream import STREAM_HEADERS
from orchestrator.ingress.restarts import AWAY
from planners.model import TaskId
from reconciler.state.commands import RunStatus
from reconciler.views.models import Changes, TaskView, TimelineBar

_HEARTBEAT = ": still running\n\n"
_THREAD_LABEL = "a2a/context"


async def ag_ui_stream(gateway: Gateway, task_id: TaskId, heartbeat_s: float) -> Response:
    """Stream a run as AG-UI tells one: it starts, its attempts are steps, its counts the state, and it ends.

    The stream begins with everything that has happened, so whoever reconnects gets the whole run.
    """
    first = await gateway.changes(task_id, 0, 0.0)
    chunks = _chunks(gateway, task_id, first, heartbeat_s)
    return StreamingResponse(chunks, media_type="text/event-stream", headers=STREAM_HEADERS)


async def _chunks(gateway: Gateway, task_id: TaskId, changes: Changes, heartbeat_s: float) -> AsyncIterator[str]:
    encoder = EventEncoder()
    run = _Told(changes.view)
    yield encoder.encode(run.started())
    while True:
        for event in run.events(changes):
            yield encoder.encode(event)
        if changes.ended:
            for event in run.ended(await gateway.read(task_id, TaskView)):
                yield encoder.encode(event)
            return
        try:
            before, changes = changes, await gateway.changes(task_id, changes.seq, heartbeat_s)
        except AWAY:
            return
        if changes.seq == before.seq and not changes.ended:
            yield _HEARTBEAT


class _Told:
    """What a client knows of a run."""

    def __init__(self, view: TaskView) -> None:
        self._run, self._thread = view.id, view.labels.get(_THREAD_LABEL, view.id)
        self._open: set[str] = set()
        self._closed: set[str] = set()

    def started(self) -> BaseEvent:
        return RunStartedEvent(threadId=self._thread, runId=self._run)

    def events(self, changes: Changes) -> Iterator[BaseEvent]:
        """Attempts that began or ended, then the counts."""
        for bar in changes.bars:
            if bar.attempt in self._closed:
                continue
            if bar.attempt not in self._open:
                self._open.add(bar.attempt)
                yield StepStartedEvent(stepName=bar.attempt, metadata=_about(bar))
            if bar.ended_s is not None:
                yield self._closing(bar.attempt, _about(bar))
        view = changes.view
        yield StateSnapshotEvent(
            snapshot={"task": view.id, "status": view.status.value, "steps": view.steps.model_dump(exclude={"v"})}
        )

    def ended(self, view: TaskView) -> Iterator[BaseEvent]:
        """The end of attempts that are still open, since clients take no end of a run before it, and how it ended."""
        for attempt in sorted(self._open):
            yield self._closing(attempt, {})
        if view.status is RunStatus.SUCCEEDED:
            yield RunFinishedEvent(threadId=self._thread, runId=self._run, result=view.outputs)
            return
        failure = view.failure
        message = failure.told if failure is not None else f"the task {view.status.value}"
        yield RunErrorEvent(message=message, code=view.status.value)

    def _closing(self, attempt: str, about: dict[str, object]) -> BaseEvent:
        self._open.discard(attempt)
        self._closed.add(attempt)
        return StepFinishedEvent(stepName=attempt, metadata=about)


def _about(bar: TimelineBar) -> dict[str, object]:
    verdict = bar.verdict.value if bar.verdict is not None else None
    about = {"step": bar.step, "agent": bar.agent, "node": bar.node, "status": bar.status, "verdict": verdict}
    return {key: value for key, value in about.items() if value is not None} | {"speculative": bar.speculative}
