"""The run state machine: all policy of a run. Events in, commands out; no asyncio, no Ray, no clock, no I/O.

The same machine is driven by the Ray actor, by tests in virtual time, and by folding a journal. Whatever changes the
plan (it streamed in, a list became known, an agent failed for good, a node was lost) is a new plan of authority and
goes through the same `_accept`.
"""

from collections import Counter

from planners.agents import AgentSpec, Catalog, Effect
from planners.model import AttemptId, NodeId, StepId, TaskId, WorkKey
from planners.plans import Plan, PlanKind, PlannedStep
from planners.tasks import Mode, Task
from planners.work_keys import InputDigests
from reconciler.gate import Decision
from reconciler.state import accounts
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.attempts import Attempt, AttemptStatus, Progress
from reconciler.state.dispatch import Dispatcher
from reconciler.state.failure_policy import (
    PlanAround,
    TryAgain,
    far_off,
    limit_passed,
    others_can,
    outputs_lost,
    remedy,
)
from reconciler.state.frontier import Frontier
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.matching import reconcile
from reconciler.state.outcome_builder import OutcomeBuilder
from reconciler.state.outcomes import Outcome, Verdict
from reconciler.state.plan_requests import PlanRequests
from reconciler.state.sources import source
from reconciler.state.speculation import Speculation, overtake


class RunState:
    """One run. `handle` is the only way to change it; everything without an underscore is to be read."""

    def __init__(self, task_id: TaskId, task: Task, catalog: Catalog) -> None:
        self.id = task_id
        self.task = task
        self.catalog = catalog
        self.status = c.RunStatus.PLANNING
        self.at_s = 0.0
        self.epoch = 0
        self.plan: Plan | None = None
        self.optimal_plan: Plan | None = None
        self.optimal_plan_s: float | None = None
        self.guess: Plan | None = None
        self.guess_s: float | None = None
        self.attempts: dict[AttemptId, Attempt] = {}
        self.end: c.EndRun | None = None
        self._digests = InputDigests(task.values)
        self._dispatcher = Dispatcher(task_id, task, catalog, self._digests)
        self._frontier = Frontier(Plan(kind=PlanKind.OPTIMAL))
        self._serving: dict[StepId, AttemptId] = {}
        self._keys: dict[StepId, WorkKey] = {}
        self._speculations: list[Speculation] = []
        self._failures: Counter[WorkKey] = Counter()
        self._retry_at_s: dict[StepId, float] = {}
        self._blocked: set[StepId] = set()
        self._authority = PlanRequests()
        self._lessons = OutcomeBuilder(task_id, task, catalog)
        self._commands: list[c.Command] = []

    @property
    def progress(self) -> Progress:
        """All attempts as they are now."""
        return Progress(at_s=self.at_s, attempts=self.attempts)

    @property
    def unfinished(self) -> int:
        """How many steps of the plan of authority have not ended well yet."""
        return self._frontier.unfinished

    @property
    def replanning(self) -> bool:
        """Whether a plan of authority has been asked for and is not whole yet."""
        return self._authority.requested > self.epoch or self.plan is None or not self.plan.complete

    def handle(self, event: e.Event) -> list[c.Command]:
        """Take one event in; returns what is to be done about it, in order. After the end: nothing."""
        if self.status.ended:
            return []
        self.at_s = max(self.at_s, event.at_s)
        self._commands = []
        match event:
            case e.RunStarted():
                self._start()
            case e.SpeculativePlanReady():
                self._take_guess(event)
            case e.OptimalPlanReady():
                self._take_plan(event)
            case e.PlanningFailed(epoch=epoch, failure=failure):
                if epoch == self._authority.requested and self.replanning:
                    self._fail(failure)
            case e.AttemptStarted() | e.AttemptFinished() | e.AttemptFailed():
                attempt = self.attempts.get(event.attempt)
                # A late result from a flushed attempt is inert, whether or not its cancellation got through.
                if attempt is not None and attempt.live:
                    self._report(attempt, event)
            case e.NodeLost(node=node):
                self._lose(node)
            case e.CancelRequested(reason=reason):
                failure = Failure(kind=FailureKind.CANCELLED, message=reason or "cancelled")
                self._finish_run(c.RunStatus.CANCELLED, failure=failure)
            case _:  # TimePassed: what has become due is seen below
                pass
        self._advance()
        return self._commands

    def _start(self) -> None:
        if self.task.limits.deadline_s is not None:
            self._commands.append(c.WakeAt(at_s=self.task.limits.deadline_s))
        if self.task.planning.plan is None:
            self._request_plan(c.PlanReason.ADMITTED)
        else:
            self._authority.requested = 1
            self._accept(self.task.planning.plan, epoch=1)

    def _request_plan(self, reason: c.PlanReason) -> None:
        if self._authority.exhausted:
            message = f"planned {self._authority.requested} times without coming to an end"
            self._fail(Failure(kind=FailureKind.PLANNING, message=message))
            return
        self._speculations = []
        self._commands.append(self._authority.ask(reason))

    def _take_guess(self, event: e.SpeculativePlanReady) -> None:
        if self.replanning and event.epoch == self._authority.requested:
            if not event.alternative:
                self.guess, self.guess_s, self._speculations = event.plan, self.at_s, []
            self._speculations.append(Speculation(event.plan, event.conditions, self.task, self.catalog))

    def _take_plan(self, event: e.OptimalPlanReady) -> None:
        wants_whole = self.task.planning.mode is Mode.WAIT
        if event.epoch == self._authority.requested and self.replanning and (event.plan.complete or not wants_whole):
            self._accept(event.plan, event.epoch)

    def _accept(self, plan: Plan, epoch: int) -> None:
        """A plan of authority: hold it against the work under way and carry on from there."""
        found = reconcile(self.progress, plan, self.task, self.catalog, self._digests)
        adopted = {step: self.attempts[attempt] for step, attempt in found.adopted.items()}
        self._lessons.planned(plan, self.at_s, adopted)
        if plan.complete:
            self.optimal_plan = plan
            self.optimal_plan_s = self.at_s if self.optimal_plan_s is None else self.optimal_plan_s
            self._learn(self._lessons.of_refusals(self._speculations, plan))
        self.plan, self.epoch, self._keys, self._serving = plan, epoch, found.keys, found.adopted
        self.status = c.RunStatus.RUNNING
        self._give_up([*found.flushed, *found.migrated.values()], found.verdicts)
        self._frontier = Frontier(plan, self.progress.finished_steps(found.adopted))
        for step, attempt in adopted.items():
            self._frontier.take(step)
            if attempt.id in found.verdicts:
                self._confirm(attempt, plan.by_id[step], found.verdicts[attempt.id])
        self._blocked.clear()
        overtake(self._speculations, plan)
        if plan.complete:
            self._speculations = []
            self._learn(self._lessons.held_back(self.attempts))
            self._unroll()

    def _unroll(self) -> None:
        """Ask for the next plan when a list that a for_each runs over has become known."""
        if self.replanning or self.plan is None:
            return
        known = {
            pending.waits_for: self._serving[pending.waits_for]
            for pending in self.plan.pending
            if pending.waits_for in self._serving and self.attempts[self._serving[pending.waits_for]].finished
        }
        if self._authority.learns(known):
            self._request_plan(c.PlanReason.EXPANDED)

    def _confirm(self, attempt: Attempt, planned: PlannedStep, verdict: Verdict) -> None:
        confirmed = attempt.as_confirmed(self.at_s, self.epoch, planned.step, verdict)
        self.attempts[attempt.id] = confirmed
        if attempt.speculative and attempt.status is AttemptStatus.DISPATCHED:
            self._commands.append(c.Confirm(attempt=attempt.id))
        if confirmed.finished and attempt.verdict is None:
            self._settle(confirmed)

    def _settle(self, attempt: Attempt) -> None:
        """A confirmed attempt has finished: let its effect out, learn."""
        if self._agent(attempt).effect is Effect.STAGEABLE:
            self._commands.append(c.Promote(attempt=attempt.id))
        self._learn(self._lessons.of(attempt))

    def _give_up(self, attempts: list[AttemptId], verdicts: dict[AttemptId, Verdict]) -> None:
        """No plan wants these any more. What still runs is cancelled, but for an irreversible agent: stopping it midway
        is no better than its end, and its result is inert.
        """
        cancelled = []
        for attempt in (self.attempts[attempt_id] for attempt_id in attempts):
            given_up = attempt.as_given_up(self.at_s, verdicts[attempt.id])
            self.attempts[attempt.id] = given_up
            if attempt.live and self._agent(attempt).effect is not Effect.IRREVERSIBLE:
                cancelled.append(attempt.id)
            if attempt.live or attempt.verdict is None:
                self._learn(self._lessons.of(given_up))
        if cancelled:
            self._commands.append(c.Flush(attempts=tuple(cancelled)))

    def _learn(self, outcomes: list[Outcome]) -> None:
        self._commands += [c.Learn(outcome=outcome) for outcome in outcomes]

    def _agent(self, attempt: Attempt) -> AgentSpec:
        return self.catalog.by_name[attempt.placement.agent]

    def _report(self, attempt: Attempt, event: e.AttemptStarted | e.AttemptFinished | e.AttemptFailed) -> None:
        match event:
            case e.AttemptStarted(at_s=at_s):
                self.attempts[attempt.id] = attempt.as_started(at_s)
            case e.AttemptFinished(at_s=at_s, seconds=seconds, handoff=handoff):
                self._finish(attempt.as_finished(at_s, seconds, handoff))
            case e.AttemptFailed(at_s=at_s, seconds=seconds, failure=failure):
                self._fail_attempt(attempt, attempt.as_failed(at_s, seconds, failure), failure)

    def _finish(self, finished: Attempt) -> None:
        self.attempts[finished.id] = finished
        if finished.verdict is None:
            return
        self._settle(finished)
        self._frontier.finish(finished.step.id)
        self._unroll()
        if self.plan is not None and not self.replanning and far_off(finished, self.plan, self.unfinished):
            self._request_plan(c.PlanReason.ESTIMATE_WRONG)

    def _fail_attempt(self, attempt: Attempt, failed: Attempt, failure: Failure) -> None:
        self.attempts[failed.id] = failed
        self._learn(self._lessons.of(failed))
        if attempt.verdict is None:
            return
        step, agent = attempt.step.id, self._agent(attempt)
        self._serving.pop(step, None)
        if failure.kind is FailureKind.NODE_LOST:
            self._block(step)
            self._lose(attempt.placement.node)
            return
        self._failures[attempt.work_key] += 1
        tries, gone = self._failures[attempt.work_key], self._authority.without_agents
        others = self.task.planning.mode is not Mode.ORACLE and others_can(attempt, self.task, self.catalog, gone)
        match remedy(agent, failure, tries, self.at_s, others=others):
            case TryAgain(at_s=at_s):
                self._retry_at_s[step] = at_s
                self._frontier.put_back(step)
                self._commands.append(c.WakeAt(at_s=at_s))
            case PlanAround():
                self._authority.without_agents[agent.name] = None
                self._block(step)
                self._request_plan(c.PlanReason.AGENT_FAILED)
            case _:
                self._fail(failure.model_copy(update={"message": f"step '{step}' failed: {failure.message}"}))

    def _block(self, step: StepId) -> None:
        """Not to be dispatched before the next plan says by whom and where."""
        self._blocked.add(step)
        self._frontier.put_back(step)

    def _lose(self, node: NodeId) -> None:
        """A node is gone: its attempts have failed, and what was to run there needs another place."""
        if node in self._authority.without_nodes or self.status.ended:
            return
        self._authority.without_nodes[node] = None
        failure = Failure(kind=FailureKind.NODE_LOST, message=f"node {node} was lost")
        for attempt in [a for a in self.attempts.values() if a.live and a.placement.node == node]:
            self._fail_attempt(attempt, attempt.as_failed(self.at_s, 0.0, failure), failure)
        if self.plan is None:
            return
        self._blocked |= {planned.id for planned in self.plan.steps if planned.placement.node == node}
        for attempt_id, readers in outputs_lost(self.plan, self._serving, self.attempts, node).items():
            # What it made is gone, so its work is nobody's to adopt: the next plan has it done again.
            self.attempts[attempt_id] = self.attempts[attempt_id].as_failed(self.at_s, 0.0, failure)
            self._blocked |= set(readers)
        self._request_plan(c.PlanReason.NODE_LOST)

    def _advance(self) -> None:
        limits = self.task.limits
        if not self.status.ended:
            passed = limit_passed(limits.deadline_s, limits.budget_usd, self.at_s, self._spent_usd())
            if passed is not None:
                self._fail(passed)
        for step in [step for step in self._frontier.ready if self._may_start(step)]:
            if not self.status.ended:
                self._dispatch_confirmed(step)
        for speculation in self._speculations if not self.status.ended else ():
            for planned, decision in speculation.decide(self.progress):
                if decision.dispatch:
                    self._dispatch_speculative(speculation, planned, decision)
        self._end_if_done()

    def _spent_usd(self) -> float:
        return accounts.usd(self.catalog, self.attempts.values()) if self.task.limits.budget_usd is not None else 0.0

    def _may_start(self, step: StepId) -> bool:
        return step not in self._blocked and self._retry_at_s.get(step, 0.0) <= self.at_s

    def _dispatch_confirmed(self, step: StepId) -> None:
        assert self.plan is not None
        planned = self.plan.by_id[step]
        try:
            inputs = self._dispatcher.inputs(planned, self._serving)
        except LookupError as error:
            self._fail(Failure(kind=FailureKind.BAD_INPUT, message=f"step '{step}': {error.args[0]}"))
            return
        attempt = self._dispatcher.confirmed(planned, self._keys, self.epoch, self.at_s)
        self._serving[step] = attempt.id
        self._frontier.take(step)
        self._retry_at_s.pop(step, None)
        self._dispatch(attempt, inputs)

    def _dispatch_speculative(self, guess: Speculation, planned: PlannedStep, decision: Decision) -> None:
        try:
            inputs = self._dispatcher.inputs(planned, guess.serving)
        except LookupError:
            # A wrong guess may bind to a part that is not there; the plan of authority decides what to do instead.
            guess.drop(planned.id)
            return
        attempt = self._dispatcher.speculative(planned, guess.keys, self.epoch, self.at_s, decision)
        guess.take(planned.id, attempt.id)
        self._dispatch(attempt, inputs)

    def _dispatch(self, attempt: Attempt, inputs: dict[str, c.Source]) -> None:
        started = attempt.as_started(self.at_s) if self._agent(attempt).starts_at_once else attempt
        self.attempts[attempt.id] = started
        self._commands.append(self._dispatcher.command(attempt, inputs))

    def _end_if_done(self) -> None:
        if self.status.ended or self.replanning or self.unfinished or self.plan is None:
            return
        if self.plan.pending:
            names = ", ".join(pending.id for pending in self.plan.pending)
            self._fail(Failure(kind=FailureKind.PLANNING, message=f"nothing can unroll {names}"))
            return
        outputs = {
            name: source(binding, self.task.values, self._serving.__getitem__)
            for name, binding in self.plan.outputs.items()
        }
        self._finish_run(c.RunStatus.SUCCEEDED, outputs=outputs)

    def _fail(self, failure: Failure) -> None:
        self._finish_run(c.RunStatus.FAILED, failure=failure)

    def _finish_run(
        self, status: c.RunStatus, outputs: dict[str, c.Source] | None = None, failure: Failure | None = None
    ) -> None:
        if self.status.ended:
            return
        self.status = status
        undecided = [attempt for attempt in self.attempts.values() if attempt.live or attempt.verdict is None]
        self._give_up([a.id for a in undecided], {a.id: a.verdict or Verdict.FLUSH for a in undecided})
        self._learn(self._lessons.held_back(self.attempts))
        self.end = c.EndRun(status=status, outputs=outputs or {}, failure=failure)
        self._commands.append(self.end)
