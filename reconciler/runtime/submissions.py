"""Admits tasks: each once per idempotency key, and acknowledged only when it is durable."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from itertools import islice
from typing import NamedTuple

from pydantic_core import PydanticSerializationError

from planners.errors import InvalidTask
from planners.model import TaskId
from planners.tasks import AdmittedTask
from reconciler.errors import JournalUnavailable
from reconciler.journal.admission_text import AdmissionText
from reconciler.journal.protocol import HOW_TO_HEAL, RunJournal
from reconciler.runtime.journal_health import JournalHealth
from reconciler.runtime.live_run import LiveRun
from reconciler.runtime.ports import Observer

# A database that has not looked an idempotency key up by then is away.
_KNOWN_WAIT_S = 1.0
# Tasks of more nodes than this are turned into JSON in a thread.
_INLINE_NODES = 100
_NOT_ACKNOWLEDGED = "the submission could not be acknowledged, because the journal did not answer"


class Begun(NamedTuple):
    """A run that was started while its admission is being written."""

    run: LiveRun
    admission: Future[None]


Record = Callable[[AdmittedTask], Future[None]]


class Submissions:
    """Admits the tasks of one shard. Lives on its event loop."""

    def __init__(
        self,
        journal: RunJournal,
        health: JournalHealth,
        begin: Callable[[AdmittedTask, Record], Begun],
        observer: Observer,
    ) -> None:
        """Set up.

        Args:
            journal: records the tasks.
            health: of the journal.
            begin: records a task and starts its run while that is being written.
            observer: counts admitted tasks.
        """
        self._journal = journal
        self._health = health
        self._begin = begin
        self._observer = observer
        self._admitting: dict[str, asyncio.Future[None]] = {}  # by idempotency key

    async def submit(self, admitted: AdmittedTask) -> TaskId:
        """Admit a task; it is durable when this returns its id. A repeated idempotency key returns that of the first.

        The run begins while the disk is still writing; what leaves the process waits for it (see `Outbox`).

        Raises:
            IdempotencyConflict: the key was used with another body.
            InvalidTask: the task holds text that cannot be stored.
            JournalUnavailable: the task cannot be recorded now. Without an idempotency key it does not run. With one,
                submitting it again answers with it, if it was recorded after all.
        """
        self._health.require()
        key = admitted.idempotency_key
        if key is None:
            return await self._admit(admitted)
        while (under_way := self._admitting.get(key)) is not None:
            # Two of the same millisecond even have the same id; the second would overwrite the first one.
            await asyncio.wait([under_way])
        mine = self._admitting[key] = asyncio.get_running_loop().create_future()
        try:
            known = await self._known_as(admitted)
            return known or await self._admit(admitted)
        finally:
            del self._admitting[key]
            mine.set_result(None)

    async def _admit(self, admitted: AdmittedTask) -> TaskId:
        text = await asyncio.to_thread(_text, admitted) if _is_large(admitted) else None
        run, admission = self._begin(admitted, partial(self._recorded, text))
        try:
            await self._health.written(admission)
        except JournalUnavailable:
            self._withdraw(admitted, admission, run)
            raise
        except Exception:
            # Not admitted after all: the journal is gone, or another shard has admitted a task with the same key.
            run.running.cancel()
            known = None if admitted.idempotency_key is None else await self._known_as(admitted)
            if known is None:
                raise
            return known
        self._observer.admitted(admitted.task.kind)
        return admitted.id

    def _withdraw(self, admitted: AdmittedTask, admission: Future[None], run: LiveRun) -> None:
        """End the run of a task that is not acknowledged. If it may be on disk by now, only its key can name it."""
        if self._journal.withdraw(admission):
            run.running.cancel()
        elif admitted.idempotency_key is None:
            run.cancel(_NOT_ACKNOWLEDGED)

    def _recorded(self, text: AdmissionText | None, admitted: AdmittedTask) -> Future[None]:
        return self._journal.admit(admitted, text or _text(admitted))

    async def _known_as(self, admitted: AdmittedTask) -> TaskId | None:
        try:
            async with asyncio.timeout(_KNOWN_WAIT_S):
                return await asyncio.to_thread(self._journal.known_as, admitted)
        except TimeoutError:
            raise JournalUnavailable("the journal does not answer", "journal.url", HOW_TO_HEAL) from None


def _text(admitted: AdmittedTask) -> AdmissionText:
    try:
        return AdmissionText.of(admitted)
    except (PydanticSerializationError, UnicodeEncodeError) as error:
        fix = "replace half surrogate pairs such as \\ud83d"
        raise InvalidTask("the task holds text that is not valid Unicode", "", fix) from error


def _is_large(admitted: AdmittedTask) -> bool:
    nodes = admitted.task.workflow.walk() if admitted.task.workflow is not None else ()
    return next(islice(nodes, _INLINE_NODES, None), None) is not None
