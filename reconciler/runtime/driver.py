"""The event loop of one run: the next event goes through `RunState`, is recorded, and its commands are carried out."""

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

from planners.agents import Effect
from planners.model import AttemptId
from planners.tasks import AdmittedTask, Mode
from reconciler.journal.run_log import RunLog
from reconciler.runtime.alarms import Alarms
from reconciler.runtime.conclusion import Conclusion
from reconciler.runtime.event_handling import is_large, takes_long
from reconciler.runtime.inbox import Inbox
from reconciler.runtime.outbox import Outbox, leaves_the_process
from reconciler.runtime.planning_session import PlanningSession
from reconciler.runtime.ports import AttemptEvent
from reconciler.runtime.progress_reports import ProgressReports
from reconciler.runtime.promotions import Promotions, all_out
from reconciler.runtime.questions import Questions
from reconciler.runtime.recovery import Recovery
from reconciler.runtime.retries import started
from reconciler.runtime.run_clock import RunClock
from reconciler.runtime.run_reservations import RunReservations
from reconciler.runtime.service_failure import service_failure
from reconciler.runtime.shard_resources import ShardResources
from reconciler.runtime.weak_callback import weak_callback
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.run import RunState
from reconciler.state.waiting import DispatchWait, WaitContext
from reconciler.views.logs import LogBatch
from reconciler.views.models import TaskView
from reconciler.views.projections import admitted_view, task_view
from reconciler.views.totals import AttemptTotals

_log = logging.getLogger(__name__)
# Between admission at the ingress and here a task waits in queues, which counts. More than this is a wall clock that
# differs from that of the ingress.
_LONGEST_WAY_S = 5.0
# Commands that one event carries out before the other runs get a turn.
_COMMANDS_AT_ONCE = 100
# Seconds without an event that a restart may lose.
_NOTED_S = 1.0
# How often a run that has succeeded makes outputs again that were lost before the task has returned them.
_MOST_REMADE = 3


class Driver:
    """Drives one task to its end. Lives on one event loop."""

    def __init__(
        self,
        admitted: AdmittedTask,
        shared: ShardResources,
        log: RunLog,
        *,
        admission: Future[None] | None = None,
        recovered: tuple[RunState, Recovery] | None = None,
    ) -> None:
        """Set up; starts nothing.

        Args:
            admitted: the task.
            shared: what it shares with the other runs of its shard.
            log: records its events.
            admission: done once the task itself is durable; None when it is.
            recovered: the replayed run and how it goes on, after a restart.
        """
        self.admitted = admitted
        self.shared = shared
        self.log = log
        self._ports = ports = shared.ports
        self._admission = () if admission is None else (admission,)
        way_s = min(max(0.0, ports.clock.now_s() - admitted.submitted_at_s), _LONGEST_WAY_S)
        self.run = RunState(admitted.id, admitted.task, ports.catalog) if recovered is None else recovered[0]
        self._recovery = None if recovered is None else recovered[1]
        self._clock = RunClock(ports.clock, way_s if self._recovery is None else self._recovery.at_s)
        self._handling = asyncio.Lock()  # held while a thread handles an event
        self._inbox = Inbox(shared.turns)
        self._written: Future[None] | None = admission
        self._remade, self._closed = 0, False
        self._loop = asyncio.get_running_loop()
        self._alarms = Alarms(self.run, self._clock, shared.delays, self._inbox.put, self._handling.locked)
        self._questions = Questions(ports.executor, admitted.id, weak_callback(self.post))
        self._resolutions: dict[str, asyncio.Future[Future[None]]] = {}
        self._reservations = RunReservations(self.run, shared.reservations, ports.clock)
        self._totals = AttemptTotals(ports.catalog, self.run.attempts.values())
        self._outbox = Outbox(weak_callback(self._carry_out), self._inbox.put)
        self._promotions = Promotions(admitted.id, ports.executor, weak_callback(self._note_promoted))
        out = partial(all_out, self._outbox, self._promotions)
        self._planning = PlanningSession(self.run, shared, self._clock, weak_callback(self.post), out)
        self._reports = weak_callback(self._report)  # made once: thousands of attempts keep it
        self._progress = ProgressReports(self.run, log, self._clock)

    @property
    def now_s(self) -> float:
        """Seconds since admission."""
        return self._clock.now_s

    @property
    def status(self) -> c.RunStatus:
        """The run's status. Until its effects are out and its end is recorded it is running."""
        return c.RunStatus.RUNNING if self.run.status.ended else self.run.status

    async def settled(self) -> None:
        """Wait while a thread handles an event: the run is not to be read then."""
        async with self._handling:
            pass

    def view(self) -> TaskView:
        """The task as it is now; see `status` and `settled`."""
        context = WaitContext(self.now_s, self.dispatch_wait)
        view = task_view(self.admitted, self.run, totals=self._totals, context=context, notices=self.log.notices)
        unended = {"status": c.RunStatus.RUNNING, "ended_s": None, "failure": None, "saved_s": None}
        return view.model_copy(update=unended) if view.status.ended else view

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is under way: no event, no write, no effect, no question."""
        busy = not self._inbox.is_empty or self._handling.locked() or self._outbox.held or self._resolutions
        written = self._written is None or self._written.done()
        return written and not busy and self._promotions.is_settled

    @property
    def alarm_in_s(self) -> float | None:
        """Seconds to the next moment at which the run wants to be woken; None if there is none."""
        return self._alarms.next_in_s(() if self._recovery is None else self._recovery.commands)

    def note_time(self) -> None:
        """Record how far the run's time has come: the run is left to a restart, which goes on there."""
        if self._closed or self.run.status.ended or self._handling.locked() or not self.log.last_seq:
            return
        passed = e.TimePassed(at_s=self.now_s)
        if passed.at_s - self.run.at_s > _NOTED_S and not self.run.handle(passed):
            self.log.record(passed, (), self.run)

    def dispatch_wait(self, attempt: AttemptId) -> DispatchWait | None:
        """Why a dispatched attempt has not begun."""
        return self._ports.executor.wait_of(self.admitted.id, attempt)

    def post(self, event: e.Event) -> None:
        """Queue an event, stamped with the current moment. Call it on the event loop."""
        self._inbox.put(event.model_copy(update={"at_s": self.now_s}))

    async def told(self, event: e.Told) -> bool:
        """Post what somebody says; whether it was the first to be read of its kind. Returns once it is durable."""
        if self._closed or (about := e.subject(event)) in self._resolutions:
            return False
        resolution = self._resolutions[about] = self._loop.create_future()
        self.post(event)
        await asyncio.wait([resolution])
        if resolution.cancelled():
            return False
        await asyncio.wrap_future(resolution.result())
        return True

    async def drive(self) -> TaskView:
        """Drive the run from its admission, or from where it was recovered, to its end."""
        try:
            await self._begin()
            while True:
                while not self.run.status.ended:
                    await self._step(await self._inbox.next())
                if (view := await self._conclude()) is not None:
                    return view
        finally:
            self._close()

    async def _begin(self) -> None:
        recovery = self._recovery
        if recovery is None:
            self.post(await started(self.admitted.task, self.log.journal, self._ports))
            return
        executor = self._ports.executor
        executor.restore(self.admitted.id, recovery.outputs, recovery.stored)
        for order, staged in recovery.staged:
            executor.restore_staged(self.admitted.id, order, staged)
        for event in recovery.events:
            if isinstance(event, e.OutputsLost):  # at once: it reopens a run that had succeeded
                await self._step(event.model_copy(update={"at_s": self.now_s}))
            else:
                self.post(event)
        for command in recovery.commands:
            self._carry_out(command)

    async def _step(self, event: e.Event) -> None:
        if takes_long(event, self.run):
            async with self._handling:
                commands, durable = await self.shared.handled(partial(self._handled, event))
        else:
            commands, durable = self._handled(event)
        self.log.announce()
        durable.add_done_callback(self._check_written)
        self._written = durable
        if isinstance(event, e.Told) and (resolution := self._resolutions.pop(e.subject(event), None)):
            resolution.set_result(durable)
        self._reservations.update(event)
        for number, command in enumerate(commands, 1):
            if leaves_the_process(command):
                self._outbox.hold(command, *self._admission, durable)
            else:
                self._carry_out(command)
            if number % _COMMANDS_AT_ONCE == 0:
                await asyncio.sleep(0)
        self._withdraw_unsent()

    def _handled(self, event: e.Event) -> tuple[list[c.Command], Future[None]]:
        """Handle and record an event: what is to be done about it, and when it is durable."""
        event = self.run.checked(event)
        commands = [self._planning.with_speed(command) for command in self.run.handle(event)]
        self._totals.update(self.run.changed)
        urgent = isinstance(event, e.Told) or any(map(leaves_the_process, commands))
        return commands, self.log.record(event, commands, self.run, staged=self._staged(event), urgent=urgent)

    def _staged(self, event: e.Event) -> dict[AttemptId, Mapping[str, bytes]]:
        """What the attempt that has finished has staged: it must survive a restart, as its output does."""
        attempt = self.run.attempts.find(event.attempt) if isinstance(event, e.AttemptFinished) else None
        if attempt is None or self.run.agent_of(attempt).effect is not Effect.STAGEABLE:
            return {}
        return {attempt.id: self._ports.executor.staged(self.admitted.id, attempt.id)}

    def _withdraw_unsent(self) -> None:
        """Acts in doubt whose dispatch still waits for the disk have not happened, and will not."""
        for command in self._outbox.held:
            attempt = self.run.attempts[command.attempt] if isinstance(command, c.Dispatch) else None
            if attempt is not None and attempt.in_doubt and attempt.failure is not None:
                certain = {"never_began": True, "counts": False}
                failure = attempt.failure.model_copy(update=certain)
                event = e.AttemptFailed(at_s=self.now_s, attempt=attempt.id, failure=failure)
                if self.run.status.ended:
                    self.run.handle(event)  # the run takes note, and no event is read any more
                else:
                    self.post(event)

    def _check_written(self, written: Future[None]) -> None:
        """A run whose facts cannot be recorded could not be recovered, so it ends. Called in the journal's thread."""
        error = written.exception()
        if error is not None:
            with suppress(RuntimeError):  # the event loop is closed
                self._loop.call_soon_threadsafe(self._inbox.put, error)

    def _carry_out(self, command: c.Command) -> None:
        task, executor = self.admitted.id, self._ports.executor
        match command:
            case c.Dispatch(attempt=attempt):
                # While it was held, the run may have ended or a new plan may have dropped it.
                if self.run.attempts[attempt].live:
                    executor.dispatch(task, command, self._reports)
            case c.Learn(outcome=outcome):
                sink = self._ports.outcomes
                (sink.record if self.run.task.planning.learn else sink.count)([outcome])
            case c.Flush(attempts=attempts):
                executor.flush(task, attempts)
            case c.Confirm(attempt=attempt):
                executor.confirm(task, attempt)
            case c.Deliver(attempt=attempt, messages=messages):
                executor.deliver(task, attempt, messages)
            case c.Promote(attempt=attempt):
                self._promotions.start(attempt, self.run.attempts[attempt].step.id)
            case c.RequestPlan():
                self._planning.start(command)
            case c.Verify() | c.EvaluateQuorum():
                self._questions.ask(command)
            case c.Restore(attempt=attempt, output=output):
                executor.restore(task, {attempt: output})
            case c.WakeAt():
                self._alarms.set(command)
            case c.EndRun():
                self._planning.stop()

    def _report(self, event: AttemptEvent | LogBatch) -> None:
        """A report of the executor. A start that the run knows of already is dropped."""
        if isinstance(event, LogBatch):
            self.log.output.write(self.run.attempts[event.attempt].step.id, event)
            self._progress.take(event)
            return
        started_s = self.run.attempts[event.attempt].started_s
        if started_s is not None and isinstance(event, e.AttemptFinished):
            self.shared.delays.note(self.now_s - started_s - event.seconds)
        if started_s is None or not isinstance(event, e.AttemptStarted):
            self.post(event)

    def _note_promoted(self, attempt: AttemptId) -> None:
        self.log.promoted(attempt, self.now_s)

    def _close(self) -> None:
        self._closed = True
        self._planning.stop()
        self._outbox.drop()
        self._promotions.close()
        self._progress.close()
        self._alarms.close()
        self._written = None  # it refers to this driver
        self._questions.close()
        for resolution in self._resolutions.values():
            resolution.cancel()
        self._ports.executor.release(self.admitted.id)
        self._reservations.release()

    async def _conclude(self) -> TaskView | None:
        """Wait for promotions, fetch the outputs, and record how the run ended.

        None: outputs were lost before they were fetched, and the run goes on to make them again.
        """
        lost_effects = self._recovery.lost_effects if self._recovery is not None else None
        conclusion = Conclusion(self.run, self._ports.executor, self._outbox, self._promotions, lost_effects)
        ending = await conclusion.ending(self._inbox.next)
        if conclusion.lost and await self._reopens(conclusion.lost):
            return None
        if conclusion.succeeds:
            self._remember()
        if is_large(self.run):
            view = await asyncio.to_thread(task_view, self.admitted, self.run, ending=ending)
        else:
            view = task_view(self.admitted, self.run, ending=ending, notices=self.log.notices)
        self._progress.record()
        await self.log.conclude(view, self.run)
        return view

    async def _reopens(self, lost: tuple[AttemptId, ...]) -> bool:
        """Whether the run goes on to make outputs again. Those that are lost each time are given up."""
        self._remade += 1
        if self._remade <= _MOST_REMADE:
            reason = "its output was lost before the task could return it"
            await self._step(e.OutputsLost(at_s=self.now_s, attempts=lost, reason=reason))
        return not self.run.status.ended

    def _remember(self) -> None:
        """Let later guesses learn from the optimal plan."""
        run, planning = self.run, self.run.task.planning
        if run.optimal_plan is not None and planning.learn and planning.mode is not Mode.ORACLE:
            self.shared.remember(run.task, run.history.whole(run.optimal_plan))

    async def abandon(self, error: Exception) -> TaskView:
        """Record that the run failed because of an error of the service. Whatever else is broken, this succeeds."""
        failure = service_failure(error)
        ended = {"status": c.RunStatus.FAILED, "ended_s": self.now_s, "failure": failure, "saved_s": None}
        view = admitted_view(self.admitted).model_copy(update=ended)
        try:
            view = task_view(self.admitted, self.run).model_copy(update=ended)
            await self.log.conclude(view, self.run)
        except Exception:  # noqa: BLE001 -- the run itself may be what is broken
            _log.exception("task %s cannot be recorded as it is", self.admitted.id)
            await self.log.conclude_without_details(view)
        return view
