"""Driving one run: the next event in, the commands out, every fact into the journal. All policy is in `RunState`."""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import aclosing
from typing import Any

from pydantic import JsonValue

from planners.errors import ForerunError
from planners.model import AttemptId, NodeId, StepId
from planners.plans import Plan
from planners.requests import InFlight, PlanRequest
from planners.tasks import AdmittedTask, Mode
from reconciler.journal.run_log import RunLog
from reconciler.runtime.ports import AttemptEvent, Ports
from reconciler.runtime.reservations import Reservations
from reconciler.state import accounts
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.attempts import Attempt
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.outcomes import Verdict
from reconciler.state.run import RunState
from reconciler.views.models import TaskView
from reconciler.views.projections import task_view

_log = logging.getLogger(__name__)
_HEAD_START_S = 0.002
_USED = frozenset({Verdict.COMMIT, Verdict.REPARENT, Verdict.KEEP})
_GUESSING = frozenset({Mode.FORERUN, Mode.PLAN_CACHE})


def _serves(attempt: Attempt | None) -> bool:
    """Whether a step of the plan of authority is done because of this attempt."""
    return attempt is not None and attempt.finished and attempt.verdict in _USED


class Driver:
    """Runs one task to its end. Owns the asyncio tasks of its planning; the rest of the world is given to it."""

    def __init__(self, admitted: AdmittedTask, world: Ports, history: RunLog, reservations: Reservations) -> None:
        self.admitted = admitted
        self.run = RunState(admitted.id, admitted.task, world.catalog)
        self.history = history
        self._world = world
        self._reservations = reservations
        self._booked: Plan | None = None
        self._speeds: dict[NodeId, float] = {}  # as they were when last planned for
        self._events: asyncio.Queue[e.Event] = asyncio.Queue()
        self._planning: asyncio.Task[None] | None = None
        self._wake_ups: list[asyncio.TimerHandle] = []
        self._noting: set[asyncio.Task[None]] = set()
        self._lost: Failure | None = None  # what a restart has made of effects that were to be let out

    @property
    def now_s(self) -> float:
        """Seconds since admission."""
        return max(0.0, self._world.clock.now_s() - self.admitted.submitted_at_s)

    def view(self) -> TaskView:
        """The task as it is now. What has still to be let out or written down has not ended."""
        view = task_view(self.admitted, self.run)
        concluding = {"status": c.RunStatus.RUNNING, "ended_s": None, "failure": None, "saved_s": None}
        return view.model_copy(update=concluding) if view.status.ended else view

    def post(self, event: e.Event) -> None:
        """Hand an event to the run; it is stamped with the moment of its arrival. To be called on the event loop."""
        self._events.put_nowait(event.model_copy(update={"at_s": self.now_s}))

    def _wake(self, at_s: float) -> None:
        """The moment has come, even where the timer was early by the wall clock: nobody would wake the run again."""
        self._events.put_nowait(e.TimePassed(at_s=max(at_s, self.now_s)))

    def _report(self, event: AttemptEvent) -> None:
        """What the executor tells. A start that the run knows of already is no news."""
        if isinstance(event, e.AttemptStarted) and self.run.attempts[event.attempt].started_s is not None:
            return
        self.post(event)

    async def drive(self, past: Iterable[e.Event] = ()) -> TaskView:
        """From admission, or from the events that a former process has recorded, to the end."""
        resumed = self._fold(past)
        if not resumed:
            self.post(e.RunStarted(at_s=0))
        try:
            while not self.run.status.ended:
                await self._step(await self._events.get())
            return await self._conclude()
        finally:
            self._stop_planning()
            for handle in self._wake_ups:
                handle.cancel()
            for noting in self._noting:
                noting.cancel()
            self._world.executor.release(self.admitted.id)
            self._reservations.release(self.admitted.id)

    async def _step(self, event: e.Event) -> None:
        commands = [self._measured(command) for command in self.run.handle(event)]
        durable = self.history.record(event, commands, self.run)
        if any(isinstance(command, c.Dispatch) and command.effect.never_twice for command in commands):
            # The intent is on disk before the act, so that no restart can do it again.
            await asyncio.wrap_future(durable)
        self._reserve(event)
        for command in commands:
            self._carry_out(command)

    def _measured(self, command: c.Command) -> c.Command:
        """An outcome with the speed of its node: the run does not know the cluster, and the node may soon be gone."""
        if not isinstance(command, c.Learn):
            return command
        speed = self._speeds.get(command.outcome.node, 1.0)
        if speed == command.outcome.speed:
            return command
        return command.model_copy(update={"outcome": command.outcome.model_copy(update={"speed": speed})})

    def _reserve(self, event: e.Event) -> None:
        """Tell other runs what the plan of authority needs and when, and what of it is free again."""
        run, task = self.run, self.admitted.id
        if run.plan is not None and run.plan is not self._booked:
            self._booked = run.plan
            done = {attempt.step.id for attempt in run.attempts.values() if _serves(attempt)}
            self._reservations.book(task, run.plan, self._world.clock.now_s() - run.plan.planning_s, done)
        elif isinstance(event, e.AttemptFinished) and _serves(run.attempts.get(event.attempt)):
            self._reservations.finish(task, run.attempts[event.attempt].step.id)

    def _carry_out(self, command: c.Command) -> None:
        task, executor = self.admitted.id, self._world.executor
        match command:
            case c.Dispatch():
                executor.dispatch(task, command, self._report)
            case c.Flush(attempts=attempts):
                executor.flush(task, attempts)
            case c.Confirm(attempt=attempt):
                executor.confirm(task, attempt)
            case c.Promote(attempt=attempt):
                executor.promote(task, attempt)
                noting = asyncio.get_running_loop().create_task(self._note_when_out(attempt))
                self._noting.add(noting)
                noting.add_done_callback(self._noting.discard)
            case c.RequestPlan():
                self._stop_planning()
                self._planning = asyncio.get_running_loop().create_task(self._plan(command))
            case c.WakeAt(at_s=at_s):
                loop = asyncio.get_running_loop()
                self._wake_ups.append(loop.call_later(max(0.0, at_s - self.now_s), self._wake, at_s))
            case c.Learn(outcome=outcome):
                if self.run.task.planning.learn:
                    self._world.outcomes.record([outcome])
            case c.EndRun():
                self._stop_planning()

    def _stop_planning(self) -> None:
        if self._planning is not None and self._planning is not asyncio.current_task():
            self._planning.cancel()
        self._planning = None

    # ---- planning

    async def _plan(self, command: c.RequestPlan) -> None:
        """Guess, then ask the authority; every answer becomes an event, and so does every failure."""
        try:
            request = await self._request(command)
            speculates, guesses = self.run.task.planning.mode in _GUESSING, self._guesses(request)
            guess = next(guesses, None)
            if guess is not None and speculates:
                self._speculate(request, guess)
            hint = guess or self.run.optimal_plan
            # The guess's first attempts leave before the question to the authority takes this thread's time.
            await asyncio.sleep(_HEAD_START_S if hint is not None else 0)
            for other in guesses if speculates else ():
                self._speculate(request, other, alternative=True)
            async with aclosing(self._world.planning.plan(request.model_copy(update={"hint": hint}))) as plans:
                async for plan in plans:
                    self.post(e.OptimalPlanReady(at_s=0, plan=plan, epoch=command.epoch))
        except ForerunError as error:
            self._planning_failed(command.epoch, error, error.message, error.fix)
        except Exception as error:  # noqa: BLE001 a planner may fail in any way, and the run must hear of it
            self._planning_failed(command.epoch, error, f"the planner failed: {error}", "")

    def _planning_failed(self, epoch: int, error: Exception, message: str, fix: str) -> None:
        failure = Failure(kind=FailureKind.PLANNING, message=message, fix=fix, error_type=type(error).__name__)
        self.post(e.PlanningFailed(at_s=0, failure=failure, epoch=epoch))

    def _guesses(self, request: PlanRequest) -> Iterator[Plan]:
        """Guesses, where the mode speculates on them or the task falls back to one when the LLM fails."""
        planning = self.run.task.planning
        wanted = planning.mode in _GUESSING or planning.fallback
        return self._world.planning.guesses(request) if wanted else iter(())

    def _speculate(self, request: PlanRequest, guess: Plan, *, alternative: bool = False) -> None:
        try:
            conditions = self._world.advice.conditions(request, guess)
        except Exception:  # noqa: BLE001 -- whatever is wrong with learned models, the task goes on without them
            _log.exception("no advice on task %s, so no speculation", self.admitted.id)
            return
        self.post(
            e.SpeculativePlanReady(
                at_s=0, plan=guess, epoch=request.epoch, conditions=conditions, alternative=alternative
            )
        )

    async def _request(self, command: c.RequestPlan) -> PlanRequest:
        run, world = self.run, self._world
        cluster, gone = world.cluster.snapshot(), set(command.without_nodes)
        self._speeds |= {node.id: node.speed for node in cluster.nodes}
        others = self._reservations.of_others(self.admitted.id, world.clock.now_s())
        nodes = tuple(node for node in cluster.nodes if node.id not in gone)
        cluster = cluster.model_copy(update={"nodes": nodes, "reservations": (*cluster.reservations, *others)})
        return PlanRequest(
            task=run.task,
            catalog=world.catalog,
            cluster=cluster,
            epoch=command.epoch,
            known=await self._known(command),
            in_flight=tuple(
                InFlight(
                    work_key=attempt.work_key,
                    agent=attempt.placement.agent,
                    node=attempt.placement.node,
                    elapsed_s=self.now_s - (attempt.dispatched_s if attempt.started_s is None else attempt.started_s),
                    finished=attempt.finished,
                )
                for attempt in run.progress.usable()
            ),
            without_agents=command.without_agents,
            spent_usd=accounts.usd(world.catalog, run.attempts.values()),
            elapsed_s=self.now_s,
        )

    async def _known(self, command: c.RequestPlan) -> dict[StepId, JsonValue]:
        return {
            step: await self._world.executor.value(self.admitted.id, c.OutputOf(attempt=attempt))
            for step, attempt in command.known_from.items()
        }

    # ---- the end

    async def _conclude(self) -> TaskView:
        """Fetch what the task returns, record how it ended."""
        end = self.run.end
        assert end is not None
        outputs: dict[str, Any] | None = None
        failure = None
        if end.status is c.RunStatus.SUCCEEDED:
            planning = self.run.task.planning
            if self.run.optimal_plan is not None and planning.learn and planning.mode is not Mode.ORACLE:
                self._world.planning.remember(self.run.task, self.run.optimal_plan)
            # The task has ended well only once its effects are out.
            failure = self._lost or await self._world.executor.promoted(self.admitted.id)
            if self._noting:
                await asyncio.wait(self._noting)
            try:
                outputs = {
                    name: await self._world.executor.value(self.admitted.id, source)
                    for name, source in end.outputs.items()
                }
            except LookupError as error:
                failure = Failure(
                    kind=FailureKind.BAD_OUTPUT,
                    message=f"what the task returns cannot be read: {error.args[0]}",
                    fix="bind workflow.outputs to a part that the step's output has",
                )
        view = task_view(self.admitted, self.run, outputs, failure)
        await asyncio.wrap_future(self.history.conclude(view, self.run))
        return view

    async def _note_when_out(self, attempt: AttemptId) -> None:
        if await self._world.executor.promoted(self.admitted.id) is None:
            self.history.effect_out(attempt, self.now_s)

    async def abandon(self, error: Exception) -> TaskView:
        """Record that the run has failed because something broke that is not for the run to mend."""
        failure = Failure(
            kind=FailureKind.ERROR,
            message=f"the service failed on this run: {error}",
            error_type=type(error).__name__,
            fix="submit the task again; the service's log says more",
        )
        failed = {"status": c.RunStatus.FAILED, "ended_s": self.now_s, "failure": failure, "saved_s": None}
        view = task_view(self.admitted, self.run).model_copy(update=failed)
        await asyncio.wrap_future(self.history.conclude(view, self.run))
        return view

    # ---- after a restart

    def _fold(self, past: Iterable[e.Event]) -> bool:
        """Bring the run to where its recorded events left it, then go on. What was under way died with its process."""
        commands = [command for event in past for command in self.run.handle(event)]
        if not commands:
            return False
        # A large output went with the process that owned it: nobody may take its absence for its value.
        handoffs = {a.id: a.handoff for a in self.run.attempts.values() if a.finished and a.handoff}
        inline = {attempt: handoff.output for attempt, handoff in handoffs.items() if not handoff.by_reference}
        self._world.executor.restore(self.admitted.id, inline)
        self._lost = self._lost_effects(command.attempt for command in commands if isinstance(command, c.Promote))
        lost = Failure(kind=FailureKind.WORKER_LOST, message="the service was restarted while it ran")
        for attempt in [attempt for attempt in self.run.attempts.values() if attempt.live]:
            self.post(e.AttemptFailed(at_s=0, attempt=attempt.id, failure=lost))
        for alarm in [command for command in commands if isinstance(command, c.WakeAt)]:
            self._carry_out(alarm)
        questions = [command for command in commands if isinstance(command, c.RequestPlan)]
        if questions and self.run.replanning:
            self._carry_out(questions[-1])
        self.post(e.TimePassed(at_s=0))
        return True

    def _lost_effects(self, promoted: Iterable[AttemptId]) -> Failure | None:
        """What was staged, was to go out, and is not known to be out: it went with the process that held it."""
        lost = [self.run.attempts[attempt] for attempt in promoted if attempt not in self.history.effects_out]
        if not lost:
            return None
        names = ", ".join(f"'{attempt.step.id}'" for attempt in lost)
        return Failure(
            kind=FailureKind.WORKER_LOST,
            message=f"the service was restarted before it was known that what {names} had staged was let out",
            fix="see whether it is out, and submit the task again if it is not",
        )
