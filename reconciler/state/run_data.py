"""Everything a run knows. `reconciler.state.run` says what happens to it; the modules beside it hold the rules."""

import math
from collections.abc import Iterable, Iterator
from copy import copy
from typing import Self

from planners.agents import AgentSpec, Catalog
from planners.built_in_names import APPROVAL, CALLBACK
from planners.model import AttemptId, StepId, TaskId, WorkKey
from planners.plans import Placement, Plan, PlannedStep
from planners.tasks import Task
from planners.work_keys import InputDigests
from reconciler.gate import Decision
from reconciler.state import commands as c
from reconciler.state.alarms import Waits
from reconciler.state.attempt_table import AttemptTable
from reconciler.state.attempts import Attempt, Progress
from reconciler.state.awaited_outputs import AwaitedOutputs
from reconciler.state.dispatch import Dispatcher
from reconciler.state.failure_policy import Tries
from reconciler.state.fan_outs import FanOuts
from reconciler.state.held_outputs import HeldOutputs
from reconciler.state.history import History
from reconciler.state.late_attempts import LateAttempts
from reconciler.state.mailbox import Mailbox
from reconciler.state.open_fan_outs import OpenFanOut
from reconciler.state.outcome_builder import OutcomeBuilder
from reconciler.state.outcomes import Outcome
from reconciler.state.plan_requests import PlanRequests
from reconciler.state.refused_guesses import RefusedGuesses
from reconciler.state.run_facts import RunFacts
from reconciler.state.speculation import Speculation
from reconciler.state.step_state import StepStatus
from reconciler.state.step_table import StepTable
from reconciler.state.task_limits import TaskLimits
from reconciler.state.undecided_steps import StepChange, UndecidedSteps
from reconciler.state.undoing import Undoing

# Steps whose placement another plan could change.
_PLACEABLE = (
    StepStatus.WAITING,
    StepStatus.READY,
    StepStatus.DISPATCHED,
    StepStatus.RETRYING,
    StepStatus.BLOCKED,
    StepStatus.HELD,
)


class RunData:
    """The state of one run. Moments are seconds from admission.

    Attributes:
        counts_s: from when on what is taken in counts: ``at_s``, or earlier for an end that has waited for a plan.
        plan: the optimal plan that counts, or its longest prefix so far.
        optimal_plan: the last complete one; ``optimal_plan_s``: when the first complete one was there.
        guess: the last speculative plan; ``guess_s``: when the first one was there.
        keys: the work key of each step of the plan, given the attempts that serve its parents.
        stand_ins: step -> the placement of an adopted attempt of another agent than the plan's; where such work has to
            be done again, the same agent does it, because children know it by that agent's key.
        awaited: the outputs that the pending nodes of the plan need.
        unrolls_s: since when they are there for some, so that another plan is asked for once this one is accepted;
            infinite if for none.
        finished: how many confirmed attempts have finished so far.
        refused: what the gate has refused to start of guesses that others have taken the place of, or the plan.
        facts: what decides how the workflow is unrolled next, apart from outputs.
        history: finished turns of loops, which ``plan`` and ``optimal_plan`` leave out.
        fan_outs: the open ones of the plan.
        late: which attempts become late, and which have a second one beside them.
        mailbox: what attempts have told each other.
        standbys: step -> the attempt that was started beside its first one (`reconciler.state.standbys`).
        waits: when attempts that the run itself plays are over.
        limits: what the limits of the task hold back, and what people have answered.
        undoing: how the task undoes what it has done, once it has failed or was cancelled.
        redone: promoted attempts whose output was lost and is made again; their effects are out.
        held: staged outputs of confirmed attempts that are not promoted yet.
        failing: steps and fan-outs that have failed, where that counts if the next plan still holds them.
        undecided: what has happened since the plan was asked for leaves undecided.
        end: how the run ended; None while it has not.
        commands: what the event at hand has led to so far.
    """

    def __init__(self, task_id: TaskId, task: Task, catalog: Catalog) -> None:
        self.id = task_id
        self.task = task
        self.catalog = catalog
        self.status = c.RunStatus.PLANNING
        self.at_s = self.counts_s = 0.0
        self.epoch = 0
        self.plan: Plan | None = None
        self.makespan_s = 0.0
        self.optimal_plan: Plan | None = None
        self.optimal_plan_s: float | None = None
        self.guess: Plan | None = None
        self.guess_s: float | None = None
        self.keys: dict[StepId, WorkKey] = {}
        self.stand_ins: dict[StepId, Placement] = {}
        self.awaited = AwaitedOutputs()
        self.unrolls_s = math.inf
        self.finished = 0
        self.refused = RefusedGuesses()
        self.facts = RunFacts()
        self.history = History()
        self.waits = Waits()
        self.limits = TaskLimits()
        self.late = LateAttempts()
        self.mailbox = Mailbox()
        self.standbys: dict[StepId, AttemptId] = {}
        self.fan_outs = FanOuts()
        self.redone: dict[AttemptId, Attempt] = {}
        self.held = HeldOutputs()
        self.failing: dict[StepId, None] = {}
        self.undecided = UndecidedSteps()
        self.undoing: Undoing | None = None
        self.end: c.EndRun | None = None
        self.attempts = AttemptTable(catalog)
        self.steps = StepTable()
        self.requests = PlanRequests()
        self.tries = Tries()
        self.speculations: list[Speculation] = []
        self.digests = InputDigests(task.values)
        self.dispatcher = Dispatcher(task_id, task, catalog, self.digests, self.attempts.spoken_by)
        self.outcomes = OutcomeBuilder(task_id, task, catalog)
        self.commands: list[c.Command] = []

    @property
    def progress(self) -> Progress:
        """All attempts as they are now; nothing is copied."""
        return Progress(at_s=self.at_s, attempts=self.attempts)

    @property
    def whole_plan(self) -> Plan | None:
        """The optimal plan that counts, or the last complete one, with all finished turns of loops. Linear."""
        plan = self.plan or self.optimal_plan
        return None if plan is None else self.history.whole(plan)

    @property
    def changed(self) -> list[Attempt]:
        """The attempts that the last event has changed, once each, in the order of their first change."""
        return [self.attempts[attempt] for attempt in dict.fromkeys(self.attempts.changed)]

    @property
    def in_doubt(self) -> list[Attempt]:
        """The attempts that may have acted, in order of dispatch."""
        return [self.attempts[attempt] for attempt in self.attempts.in_doubt]

    @property
    def spent_usd(self) -> float:
        """Dollars spent of the task's budget: those of work that the optimal plan holds or held."""
        return max(0.0, self.attempts.spending.confirmed_usd)

    @property
    def unfinished(self) -> int:
        """How many steps of the optimal plan have not finished."""
        return self.steps.unfinished

    @property
    def may_be_planned_better(self) -> bool:
        """Whether another plan could place anything differently: not all that is left is running already."""
        plan = None if self.ending else self.plan
        open_ = any(self.steps.count(status) for status in _PLACEABLE)
        return plan is not None and (bool(plan.pending) or open_)

    @property
    def ending(self) -> bool:
        """Whether nothing of the workflow goes on: the run has ended, or undoes what it has done."""
        return self.status.ended or self.undoing is not None

    @property
    def is_late(self) -> bool:
        """Whether the deadline of the task has passed."""
        deadline_s = self.task.limits.deadline_s
        return deadline_s is not None and self.at_s >= deadline_s

    def is_settled(self, step: StepId) -> bool:
        """Whether the workflow goes on without the step, so that no guess may start it."""
        state = self.steps.get(step)
        return state is not None and state.status in (StepStatus.SKIPPED, StepStatus.FAILED)

    @property
    def evaluating(self) -> bool:
        """Whether the condition of an open fan-out is being evaluated."""
        return any(quorum.asked and name in self.fan_outs.open for name, quorum in self.facts.quorums.items())

    @property
    def replanning(self) -> bool:
        """Whether an optimal plan has been asked for and is not complete yet."""
        return self.requests.awaited is not None

    def is_undecided(self, step: StepId) -> bool:
        """Whether a plan of which nothing has arrived yet may skip a step of the present one, or change what it reads.

        A guess may run ahead of what it follows. If that turns out to be missing, the plan that is asked for then skips
        what has run ahead. And a fan-out may be complete with fewer results than its readers wait for in the present
        plan, while others still come in. How long planning takes must decide neither whether the failure of such a step
        counts nor whether its success completes a fan-out. It does nothing that cannot be taken back meanwhile: what
        acts or discloses does not begin, and what is staged is not promoted.
        """
        return step in self.undecided.steps and self.plan_is_coming

    def is_stale(self, step: StepId) -> bool:
        """Whether that plan gives the step other inputs, if it holds it, so that it need not begin before."""
        return step in self.undecided.stale and self.plan_is_coming

    def is_left(self, fan_out: OpenFanOut) -> bool:
        """Whether it is in an element that a fan-out around goes on without, while acts in it are awaited."""
        within = fan_out.spec.within
        while within is not None and within not in self.facts.left:
            around = self.fan_outs.specs.get(within[0])
            within = None if around is None else around.within
        return within is not None

    def is_awaited(self, fan_out: OpenFanOut) -> bool:
        """Whether that plan decides about a fan-out, because it may skip or end elements of it.

        What is left of an element may be pending nodes. It may have ended before what ends now.
        """
        return (fan_out.spec.id in self.undecided.fan_outs or bool(fan_out.unplanned)) and self.plan_is_coming

    def change(self, change: StepChange) -> None:
        """Something has happened that the next plan takes into account."""
        self.facts.changes.append(change)
        self.undecided.add(change)
        self.note_begun()

    def note_begun(self) -> None:
        """Ends of stale steps that have begun mean nothing for the fan-outs around them."""
        begun = (StepStatus.DISPATCHED, StepStatus.RUNNING, StepStatus.FINISHED)
        states = ((step, self.steps.get(step)) for step in self.undecided.take_stale())
        self.undecided.add_fan_outs(step for step, state in states if state is not None and state.status in begun)

    @property
    def plan_is_coming(self) -> bool:
        """Whether a plan of which nothing has arrived yet may skip steps of this one, or change what they read.

        What has happened after `counts_s` means nothing for what counts by then, also if it asks for another plan.
        """
        if self.plan is None or self.undoing is not None:
            return False
        asked = self.requests.required and self.epoch != self.requests.requested
        return asked or min(self.unrolls_s, self.facts.asks_s) <= self.counts_s or self._is_blocked

    @property
    def _is_blocked(self) -> bool:
        """Whether a step waits for a plan, other than one that has proposed something after `counts_s`."""
        blocked = (self.steps[step] for step in self.steps.blocked)
        return any(one.blocked_by is not c.PlanReason.PROPOSED or one.at_s <= self.counts_s for one in blocked)

    def drop_guesses(self) -> None:
        """No guess is acted on any more; what the gate has refused of them is remembered."""
        self.refused.note(one for speculation in self.speculations for one in speculation.refused())
        self.speculations = []

    def refusals(self) -> Iterator[Decision]:
        """The gate's last decision about each guessed step and agent that it has refused to the last. Linear."""
        return self._all_refused().last(self.begun_as_guesses())

    def begun_as_guesses(self) -> set[WorkKey]:
        """The work of all attempts that were dispatched before a plan held them. Linear."""
        return {attempt.work_key for attempt in self.attempts.values() if attempt.began_speculative}

    def snapshot(self) -> Self:
        """A copy for reading in another thread: later events do not change it. Linear."""
        still = copy(self)
        still.attempts, still.steps = self.attempts.snapshot(), self.steps.snapshot()
        still.refused, still.speculations = self._all_refused(), []
        return still

    def _all_refused(self) -> RefusedGuesses:
        return self.refused.joined_by(one for speculation in self.speculations for one in speculation.refused())

    def placed(self, step: StepId) -> PlannedStep:
        """The step of the plan with the placement at which it is to be dispatched."""
        assert self.plan is not None
        planned, stand_in = self.plan.by_id[step], self.stand_ins.get(step)
        return planned if stand_in is None else planned.model_copy(update={"placement": stand_in})

    def agent_of(self, attempt: Attempt) -> AgentSpec:
        """The agent of an attempt."""
        return self.catalog.by_name[attempt.placement.agent]

    def asks_somebody(self, attempt: Attempt) -> bool:
        """Whether the attempt waits for an answer from outside."""
        agent = self.agent_of(attempt)
        return agent.built_in and agent.name in (APPROVAL, CALLBACK)

    def is_act(self, attempt: Attempt) -> bool:
        """Whether the attempt may be carried out at most once, whatever fails."""
        return self.agent_of(attempt).effect.never_twice

    def learn(self, outcomes: Iterable[Outcome]) -> None:
        """Tell the learner."""
        self.commands += [
            c.Learn(outcome=outcome) for outcome in outcomes if not self.catalog.by_name[outcome.agent].built_in
        ]
