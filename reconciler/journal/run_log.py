"""The recorded facts of one live run: numbered, written to the journal, and read by those who follow the run.

It records the events a run can be replayed from, and what followed from them (dispatches, verdicts, the end): readers
want to see that, and replaying skips it.
"""

import asyncio
import json
import threading
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from itertools import takewhile
from typing import TypeVar

from planners.model import AttemptId, StepId, TaskId
from reconciler.journal.protocol import RunJournal
from reconciler.journal.rows import PAGE_EVENTS, EventRow, event_row, page_of
from reconciler.journal.task_log import TaskLog
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.outcomes import Verdict
from reconciler.state.run import RunState
from reconciler.views.models import EventPage, StoredEvent, TaskView
from reconciler.views.progress import AttemptProgress, ProgressFact, notices_of, progress_after
from reconciler.views.projections import plans_view, summary_of, timeline

_PLANS = ("speculative_plan_ready", "optimal_plan_ready")
_DISPATCHED, _VERDICT, _PROMOTED, _ENDED = "attempt_dispatched", "verdict", "effect_out", "run_ended"
_DISPATCH_INTERNALS = {"command", "inputs", "timeout_s"}
# Runs with more attempts than this are turned into JSON in a thread, to keep the event loop free.
_LARGE = 200

_Id = TypeVar("_Id", AttemptId, StepId)


def replayable(stored: Iterable[StoredEvent]) -> list[e.Event]:
    """The events among the recorded facts of a run."""
    return [
        e.EVENTS.validate_python({**line.data, "event": line.kind, "at_s": line.at_s})
        for line in stored
        if line.kind in e.KINDS
    ]


def promoted_in(stored: Iterable[StoredEvent]) -> frozenset[AttemptId]:
    """The attempts whose staged output is known to be out."""
    return frozenset(AttemptId(line.data["attempt"]) for line in stored if line.kind == _PROMOTED)


def _behind(changed: dict[_Id, int], after: int) -> list[_Id]:
    """What a fact after a number was the last to change; ``changed`` is in the order of the changes."""
    return [one for one, _ in takewhile(lambda known: known[1] > after, reversed(changed.items()))]


class RunLog:
    """The facts of one live run, in memory until the run has ended and in the journal for good."""

    def __init__(
        self,
        task: TaskId,
        journal: RunJournal,
        past: Sequence[StoredEvent] = (),
        *,
        last_seq: int | None = None,
        last_log_seq: int = 0,
    ) -> None:
        """Set up.

        Args:
            task: whose facts these are.
            journal: keeps them.
            past: what was recorded before a restart, in order.
            last_seq: the number of the last recorded fact, where ``past`` could not be read.
            last_log_seq: the number of the last line that its attempts had printed or logged.
        """
        self.output = TaskLog(task, journal, last_log_seq)
        self._task = task
        self.journal = self._journal = journal
        self._lines = [EventRow(line.seq, line.at_s, line.kind, json.dumps(line.data)) for line in past]
        self._last_seq = last_seq or (past[-1].seq if past else 0)
        self._first_seq = self._last_seq
        self.planned_seq = max((line.seq for line in past if line.kind in _PLANS), default=0)
        self._changed: dict[AttemptId, int] = {}  # the number of the last fact that changed it, oldest first
        self._changed_steps: dict[StepId, int] = {}  # likewise, for states that no attempt shows
        self.promoted_before = promoted_in(past)
        self.progress = progress_after({}, ((line.at_s, line.kind, line.data) for line in past))
        self.notices = notices_of(self.progress)
        self._verdicts = {
            AttemptId(line.data["attempt"]): Verdict(line.data["verdict"]) for line in past if line.kind == _VERDICT
        }
        # What was staged before a restart may still be there.
        self._has_staged = self._last_seq > 0
        self._numbering = threading.Lock()
        self._news: asyncio.Event | None = None  # of those who wait
        self.ended = False

    @property
    def last_seq(self) -> int:
        """The number of the last fact; 0 if there is none."""
        return self._last_seq

    def record(
        self,
        event: e.Event,
        commands: Sequence[c.Command],
        run: RunState,
        *,
        staged: Mapping[AttemptId, Mapping[str, bytes]] | None = None,
        urgent: bool = False,
    ) -> Future[None]:
        """Record an event and what followed from it; the future is done once that is durable.

        May be called in any thread. Call `announce` afterwards, on the event loop.

        Args:
            event: what happened.
            commands: what the run wants done about it.
            run: after the event.
            staged: what the attempts that have finished have staged.
            urgent: somebody waits for the future.
        """
        dispatches = [command for command in commands if isinstance(command, c.Dispatch)]
        learning = run.task.planning.learn
        outcomes = [command.outcome for command in commands if learning and isinstance(command, c.Learn)]
        with self._numbering:
            lines = [self._added(event_row(self._last_seq + 1, event))]
            lines += [self._line(event.at_s, _DISPATCHED, _as_dispatched(command)) for command in dispatches]
            if commands:
                lines += self._new_verdicts(event.at_s, run)
            self._note_changes(event, run)
            self._has_staged |= bool(staged)
            return self._journal.append(self._task, lines, outcomes, staged=staged, urgent=urgent)

    def promoted(self, attempt: AttemptId, at_s: float) -> None:
        """Record that the staged output of an attempt is out: no restart may lose or repeat it."""
        with self._numbering:
            line = self._line(at_s, _PROMOTED, json.dumps({"attempt": attempt}))
            self._journal.promoted(self._task, attempt, line)
        self.announce()

    def progressed(self, at_s: float, facts: Sequence[ProgressFact]) -> None:
        """Record what attempts tell of their progress. Nothing waits for that to be durable."""
        with self._numbering:
            lines = [self._line(at_s, fact.kind, json.dumps(fact.data)) for fact in facts]
            for fact in facts:
                self._note_change(fact.attempt)
            self.progress = progress_after(self.progress, ((at_s, fact.kind, fact.data) for fact in facts))
            self.notices = notices_of(self.progress)
            self._journal.append(self._task, lines)
        self.announce()

    def announce(self) -> None:
        """Wake whoever waits for the next event. Call it on the event loop."""
        if self._news is not None:
            self._news.set()
            self._news = None

    async def page(self, after: int, wait_s: float) -> EventPage:
        """Events after a sequence number, as many as one page holds; waits up to ``wait_s`` for the first."""
        await self.news(after, wait_s)
        first = bisect_right(self._lines, after, key=lambda line: line.seq)
        return await page_of(self._lines[first : first + PAGE_EVENTS + 1], ended=self.ended)

    async def news(self, after: int, wait_s: float) -> int:
        """Wait up to ``wait_s`` for a fact after a sequence number; returns the number of the last one."""
        if wait_s > 0 and self._last_seq <= after and not self.ended:
            self._news = self._news or asyncio.Event()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), wait_s)
        return self._last_seq

    def changed_since(self, after: int) -> list[AttemptId] | None:
        """The attempts that facts after a sequence number have changed; None: not known, any of them may have."""
        return None if after < self._first_seq or after == 0 else _behind(self._changed, after)

    def changed_steps_since(self, after: int) -> list[StepId] | None:
        """The steps that have since been in a state that no attempt shows; None: not known, any of them may have."""
        return None if after < self._first_seq or after == 0 else _behind(self._changed_steps, after)

    def _note_changes(self, event: e.Event, run: RunState) -> None:
        if isinstance(event, e.SpeculativePlanReady | e.OptimalPlanReady):
            self.planned_seq = self._last_seq
        for attempt in run.attempts.changed:
            self._note_change(attempt)
        for step in run.steps.changed:
            self._changed_steps.pop(step, None)
            self._changed_steps[step] = self._last_seq

    def _note_change(self, attempt: AttemptId) -> None:
        self._changed.pop(attempt, None)
        self._changed[attempt] = self._last_seq

    async def conclude(self, view: TaskView, run: RunState) -> None:
        """Record the end with everything that is shown of the run later. Returns once that is durable."""
        if len(run.attempts) > _LARGE:
            details = await asyncio.to_thread(_details, run, self.progress)
        else:
            details = _details(run, self.progress)
        line = self._line(run.at_s, _ENDED, summary_of(view).model_dump_json(exclude={"outputs", "v"}))
        timeline, plans = details
        await self._ended(self._journal.end(view, [line], timeline=timeline, plans=plans, has_staged=self._has_staged))

    async def conclude_without_details(self, view: TaskView) -> None:
        """Record only that a run has ended, and how. Returns once that is durable."""
        await self._ended(self._journal.end(view))

    async def _ended(self, durable: Future[None]) -> None:
        await asyncio.wrap_future(durable)
        self.ended = True
        self.output.end()
        self.announce()

    def _line(self, at_s: float, kind: str, text: str) -> EventRow:
        return self._added(EventRow(self._last_seq + 1, at_s, kind, text))

    def _added(self, line: EventRow) -> EventRow:
        self._last_seq = line.seq
        self._lines.append(line)
        return line

    def _new_verdicts(self, at_s: float, run: RunState) -> list[EventRow]:
        """Changed verdicts on speculative attempts."""
        lines = []
        for attempt in run.changed:
            if attempt.began_speculative and attempt.verdict not in (None, self._verdicts.get(attempt.id)):
                self._verdicts[attempt.id] = attempt.verdict
                verdict = {"attempt": attempt.id, "step": attempt.step.id, "verdict": attempt.verdict.value}
                lines.append(self._line(at_s, _VERDICT, json.dumps(verdict)))
        return lines


def _as_dispatched(order: c.Dispatch) -> str:
    """What readers learn of an order. Default values are left out: a live run keeps the text for each attempt."""
    return order.model_dump_json(exclude=_DISPATCH_INTERNALS, exclude_defaults=True)


def _details(run: RunState, progress: Mapping[AttemptId, AttemptProgress]) -> tuple[str, str]:
    return timeline(run, progress=progress).model_dump_json(), plans_view(run).model_dump_json()
