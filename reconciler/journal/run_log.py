"""The facts of one run as they happen: numbered, journalled, and there for those who watch.

Besides the events that the run is folded from, it tells what followed from them (dispatches, verdicts, the end):
watchers want to see that, and folding skips it.
"""

import asyncio
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress

from planners.model import AttemptId, TaskId
from reconciler.journal import EventRow, Journal
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.outcomes import Verdict
from reconciler.state.run import RunState
from reconciler.views.models import EventPage, StoredEvent, TaskView
from reconciler.views.projections import plans_view, timeline

FOLDED = tuple(
    kind.model_fields["event"].default
    for kind in (
        e.RunStarted,
        e.SpeculativePlanReady,
        e.OptimalPlanReady,
        e.PlanningFailed,
        e.AttemptStarted,
        e.AttemptFinished,
        e.AttemptFailed,
        e.NodeLost,
        e.CancelRequested,
        e.TimePassed,
    )
)

_EFFECT_OUT = "effect_out"
_ENVELOPE = {"event", "at_s", "v"}
_UNTOLD = {"command", "v", "inputs", "timeout_s"}


def foldable(stored: Iterable[StoredEvent]) -> list[e.Event]:
    """The run's events among its recorded facts."""
    return [
        e.EVENTS.validate_python({**line.data, "event": line.kind, "at_s": line.at_s})
        for line in stored
        if line.kind in FOLDED
    ]


class RunLog:
    """The facts of one live run. Kept in memory until the run has ended, and in the journal for good."""

    def __init__(self, task: TaskId, journal: Journal, past: Sequence[StoredEvent] = ()) -> None:
        self._task = task
        self._journal = journal
        self._lines = [EventRow(line.seq, line.at_s, line.kind, json.dumps(line.data)) for line in past]
        self.effects_out = {AttemptId(line.data["attempt"]) for line in past if line.kind == _EFFECT_OUT}
        self._verdicts: dict[AttemptId, Verdict] = {}
        self._news = asyncio.Event()
        self.ended = False

    def record(self, event: e.Event, commands: Sequence[c.Command], run: RunState) -> Future[None]:
        """Note an event and what followed from it; the future is done once that is durable."""
        lines = [self._line(event.at_s, event.event, event.model_dump_json(exclude=_ENVELOPE))]
        lines += [
            self._line(event.at_s, "attempt_dispatched", command.model_dump_json(exclude=_UNTOLD))
            for command in commands
            if isinstance(command, c.Dispatch)
        ]
        lines += self._new_verdicts(event.at_s, commands, run)
        learning = run.task.planning.learn
        outcomes = [command.outcome for command in commands if learning and isinstance(command, c.Learn)]
        self._announce()
        urgent = any(isinstance(command, c.Dispatch) and command.effect.never_twice for command in commands)
        return self._journal.append(self._task, lines, outcomes, urgent=urgent)

    def effect_out(self, attempt: AttemptId, at_s: float) -> None:
        """Note that what an attempt had staged is out in the world: no restart may lose or repeat it."""
        self.effects_out.add(attempt)
        self._journal.append(self._task, [self._line(at_s, _EFFECT_OUT, json.dumps({"attempt": attempt}))])
        self._announce()

    async def page(self, after: int, wait_s: float) -> EventPage:
        """Events after a sequence number; waits up to ``wait_s`` for the first."""
        if wait_s > 0 and len(self._lines) <= after and not self.ended:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), wait_s)
        return EventPage(events=tuple(line.told() for line in self._lines[after:]), ended=self.ended)

    def conclude(self, view: TaskView, run: RunState) -> Future[None]:
        """Note the end, with all that is to be shown of the run later."""
        line = self._line(run.at_s, "run_ended", view.model_dump_json(exclude={"outputs", "v"}))
        self._journal.append(self._task, [line])
        done = self._journal.end(view, timeline(run), plans_view(run))
        self.ended = True
        self._announce()
        return done

    def _line(self, at_s: float, kind: str, text: str) -> EventRow:
        line = EventRow(len(self._lines) + 1, at_s, kind, text)
        self._lines.append(line)
        return line

    def _new_verdicts(self, at_s: float, commands: Sequence[c.Command], run: RunState) -> list[EventRow]:
        """Verdicts on guesses that were not there before. They change when plans arrive and when attempts end."""
        if not commands:
            return []
        lines = []
        for attempt in run.attempts.values():
            if attempt.began_speculative and attempt.verdict not in (None, self._verdicts.get(attempt.id)):
                self._verdicts[attempt.id] = attempt.verdict
                told = {"attempt": attempt.id, "step": attempt.step.id, "verdict": attempt.verdict.value}
                lines.append(self._line(at_s, "verdict", json.dumps(told)))
        return lines

    def _announce(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
