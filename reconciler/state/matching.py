"""Matching a new optimal plan with the work under way: one pass in topological order, linear in steps and edges.

Work keys are unique within a plan (see `planners.work_keys`), so a match is a dictionary lookup. Under the policy
``exact`` the plan's own keys are looked up. Where agents are interchangeable, a parent adopted from another agent
changes the keys of its children, so the pass computes keys from what it has adopted.

Plans number like steps, and one fewer or more gives those behind it other numbers. A step keeps its confirmed work all
the same, and the failures of work that it is to do again; no like step takes either.

Acts are matched more widely under every policy: a step that has acted, or may have, is that step whatever agent the
plan would choose now and whatever its parents have become. So no plan can make an act happen twice. Acts are the
attempts of irreversible agents, and those whose staged output a plan has promoted.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from types import MappingProxyType

from planners.agents import Catalog, Effect
from planners.eligibility import Eligibility
from planners.model import AttemptId, StepId, WorkKey
from planners.plans import Plan, PlannedStep
from planners.tasks import Interchange, Task
from planners.work_keys import InputDigests, work_key
from planners.workflow import Step
from reconciler.state.attempts import Attempt, Progress
from reconciler.state.outcomes import Verdict
from reconciler.state.tried_work import TriedWork, same_step

ANY_AGENT = ""
_NONE: Mapping[WorkKey, StepId] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What a plan makes of the work under way.

    Attributes:
        adopted: step -> the attempt that serves it.
        missing: steps that need a dispatch, in plan order.
        migrated: step -> the attempt given up because moving its work is faster (the step is missing too).
        flushed: attempts that the plan does not use.
        verdicts: only those that change, so reconciling a plan with itself yields none.
        keys: the work key that each step really has, given what was adopted for its parents.
    """

    adopted: dict[StepId, AttemptId] = field(default_factory=dict)
    missing: list[StepId] = field(default_factory=list)
    migrated: dict[StepId, AttemptId] = field(default_factory=dict)
    flushed: list[AttemptId] = field(default_factory=list)
    verdicts: dict[AttemptId, Verdict] = field(default_factory=dict)
    keys: dict[StepId, WorkKey] = field(default_factory=dict)


def reconcile(  # noqa: PLR0913, PLR0917 what the decision depends on
    progress: Progress,
    plan: Plan,
    task: Task,
    catalog: Catalog,
    digests: InputDigests,
    given_up: Mapping[WorkKey, StepId] = _NONE,
    tried: Mapping[StepId, TriedWork] = MappingProxyType({}),
) -> Reconciliation:
    """Match the attempts of a task with an optimal plan.

    While the plan is still a prefix (``plan.complete`` false), attempts that it does not hold yet stay undecided.

    Args:
        progress: the attempts so far.
        plan: steps in topological order, each with its work key.
        task: for the interchange policy and the quality floor.
        catalog: for the qualities and effects of agents.
        digests: of the task's inputs.
        given_up: work that has failed for good -> the step that the workflow goes on without. A like step, such as one
            in a fallback, is other work.
        tried: steps of the plan before whose work has failed, and which have not begun again.
    """
    return _Pass(progress, plan, task, catalog, digests, given_up, tried).run()


class _Pass:
    def __init__(  # noqa: PLR0913, PLR0917 as above
        self,
        progress: Progress,
        plan: Plan,
        task: Task,
        catalog: Catalog,
        digests: InputDigests,
        given_up: Mapping[WorkKey, StepId],
        tried: Mapping[StepId, TriedWork],
    ) -> None:
        self._progress = progress
        self._tried = tried
        self._tried_by = {work.key: step for step, work in tried.items()}
        self._given_up = given_up
        self._plan = plan
        self._task = task
        self._catalog = catalog
        self._digests = digests
        self._loose = task.planning.interchange is Interchange.INTERCHANGEABLE
        self._usable = progress.usable()
        self._by_key = {attempt.work_key: attempt for attempt in self._usable}
        self._of_step = {attempt.step.id: attempt for attempt in self._usable if attempt.verdict is not None}
        self._plan_keys = {planned.work_key for planned in plan.steps}
        self._by_loose_key = _grouped((one.loose_key, one) for one in reversed(self._usable)) if self._loose else {}
        acts = [attempt for attempt in self._usable if self._is_act(attempt)]
        self._act_at = {attempt.step.id: attempt for attempt in acts}
        moved = [act for act in acts if not self._belongs_to_a_step(act)]
        self._moved_acts = _grouped((act.agentless_key, act) for act in moved)
        self._agentless_keys = agentless_keys(plan, digests, self._by_key) if moved else {}
        self._taken: set[AttemptId] = set()
        self._rekeyed: set[StepId] = set()
        self._given: set[WorkKey] = set()
        self._found = Reconciliation()

    def run(self) -> Reconciliation:
        for planned in self._plan.steps:
            key = self._found.keys[planned.id] = self._key(planned)
            attempt = self._match(planned, key)
            if attempt is None:
                key = self._found.keys[planned.id] = self._free_key(planned, key)
                self._found.missing.append(planned.id)
            else:
                self._taken.add(attempt.id)
                self._found.keys[planned.id] = attempt.work_key
                self._judge(planned, attempt)
            self._given.add(self._found.keys[planned.id])
            if self._found.keys[planned.id] != planned.work_key:
                self._rekeyed.add(planned.id)
        if self._plan.complete:
            self._flush_the_rest()
        return self._found

    def _key(self, planned: PlannedStep) -> WorkKey:
        if (tried := self._tried.get(planned.id)) is not None and tried.is_of(planned, self._found.keys):
            return tried.key
        # Only a changed parent makes a difference, or a like step before whose work has failed.
        if self._rekeyed.isdisjoint(planned.step.data_parents) and self._is_not_tried(planned, planned.work_key):
            return planned.work_key
        keys = (key for key in self._numbered(planned) if key not in self._given)
        return next(key for key in keys if self._is_not_tried(planned, key))

    def _is_not_tried(self, planned: PlannedStep, key: WorkKey) -> bool:
        """Whether no other step has this work to do again."""
        return self._tried_by.get(key, planned.id) == planned.id

    def _free_key(self, planned: PlannedStep, key: WorkKey) -> WorkKey:
        """The key of a step to be dispatched. Plans number like steps, and another one may have adopted this number."""
        other = self._by_key.get(key)
        taken = other is not None and (self._is_act(other) or not self._is_free(other, planned))
        if not taken and self._may_be_given(planned, key):
            return key
        keys = (key for key in self._numbered(planned) if key not in self._done_keys)
        return next(key for key in keys if self._may_be_given(planned, key))

    def _may_be_given(self, planned: PlannedStep, key: WorkKey) -> bool:
        is_free = key not in self._given and self._is_not_tried(planned, key)
        return is_free and self._given_up.get(key, planned.id) == planned.id

    @cached_property
    def _done_keys(self) -> set[WorkKey]:
        """Of all work that was done or is under way, that of finished turns of loops included. Rarely asked for."""
        attempts = self._progress.attempts.values()
        return {one.work_key for one in attempts if one.live or one.finished or one.in_doubt}

    def _numbered(self, planned: PlannedStep) -> Iterator[WorkKey]:
        """The keys that the step may have beside like steps."""
        identity = self._catalog.by_name[planned.placement.agent].identity
        for occurrence in count():
            yield work_key(planned.step, identity, self._found.keys, self._digests, occurrence)

    def _match(self, planned: PlannedStep, key: WorkKey) -> Attempt | None:
        if (own := self._own_act(planned) or self._own_work(planned, key)) is not None:
            return own
        attempt = self._by_key.get(key)
        if attempt is not None and self._is_free(attempt, planned) and self._in_order(planned, attempt):
            return attempt
        if self._moved_acts and (moved := self._moved_act(planned)) is not None:
            return moved
        if not self._loose:
            return None
        others = [
            other
            for other in reversed(self._by_loose_key.get(self._loose_key(planned), ()))
            if other.id not in self._taken and self._suffices(other, planned) and self._in_order(planned, other)
        ]
        kept = (other for other in others if other.verdict is not None and other.step.id == planned.id)
        return next(kept, None) or next((other for other in others if not self._belongs_to_a_step(other)), None)

    def _own_act(self, planned: PlannedStep) -> Attempt | None:
        """The act that this very step has carried out, or may have, under whatever key."""
        act = self._act_at.get(planned.id)
        return act if act is not None and act.id not in self._taken and same_step(act.step, planned.step) else None

    def _own_work(self, planned: PlannedStep, key: WorkKey) -> Attempt | None:
        """The confirmed work of this very step, also if the plan gives it another number among like steps.

        Steps of different turns of a loop may have the same key, and each has its own work when it is undone.
        """
        own = self._of_step.get(planned.id)
        if own is None or own.id in self._taken:
            return None
        if own.work_key == key:
            return own
        if own.kept or not self._is_claimed(own):
            return None  # an earlier task may have read other inputs
        parents = [parent for parent in planned.step.data_parents if parent in self._found.keys]
        read = (self._of_step.get(parent) for parent in parents)
        same = all(one is not None and one.work_key == self._found.keys[one.step.id] for one in read)
        return own if same else None

    def _is_claimed(self, attempt: Attempt) -> bool:
        """Whether the plan holds the step whose confirmed work this is, by the same agent."""
        planned = self._plan.by_id.get(attempt.step.id)
        if attempt.verdict is None or planned is None or self._of_step[planned.id] is not attempt:
            return False
        return planned.placement.agent == attempt.placement.agent and same_step(planned.step, attempt.step)

    def _moved_act(self, planned: PlannedStep) -> Attempt | None:
        """A like act whose own step the plan no longer holds."""
        moved = self._moved_acts.get(self._agentless_keys[planned.id], ())
        return next((act for act in moved if act.id not in self._taken), None)

    def _is_free(self, attempt: Attempt, planned: PlannedStep) -> bool:
        """Whether no step has taken it, and it is not the act or the confirmed work of another step of the plan."""
        if attempt.id in self._taken:
            return False
        if attempt.step.id != planned.id and self._is_claimed(attempt):
            return False
        return not (self._is_act(attempt) and self._plan_holds(attempt.step))

    def _in_order(self, planned: PlannedStep, attempt: Attempt) -> bool:
        """Whether the attempt ran after what the step must follow, where that matters: not for pure work.

        What an earlier plan confirmed was in order then. Data parents come first by themselves.
        """
        order_only = set(planned.step.after).difference(planned.step.data_parents)
        if not order_only or attempt.verdict is not None or self._effect(attempt) is Effect.PURE:
            return True
        parents = (self._found.adopted.get(parent) for parent in order_only)
        return all(parent is not None and self._ended_before(parent, attempt) for parent in parents)

    def _ended_before(self, parent: AttemptId, attempt: Attempt) -> bool:
        before = self._progress.attempts[parent]
        return before.finished and before.ended_s is not None and before.ended_s <= attempt.dispatched_s

    def _suffices(self, attempt: Attempt, planned: PlannedStep) -> bool:
        """Whether the other agent's work is good enough to stand in for the planned one's."""
        agent = self._catalog.by_name.get(attempt.placement.agent)
        return agent is not None and Eligibility.of_task(self._task).allows(agent, planned.step)

    def _judge(self, planned: PlannedStep, attempt: Attempt) -> None:
        verdict = self._verdict(planned, attempt)
        if verdict is Verdict.MIGRATE:
            self._found.migrated[planned.id] = attempt.id
            self._found.missing.append(planned.id)
            self._found.verdicts[attempt.id] = verdict
            return
        self._found.adopted[planned.id] = attempt.id
        settled = attempt.verdict is not None and attempt.step.id == planned.id
        if not settled:
            self._found.verdicts[attempt.id] = verdict

    def _verdict(self, planned: PlannedStep, attempt: Attempt) -> Verdict:
        if planned.placement.agent != attempt.placement.agent:
            return Verdict.KEEP
        if not planned.placement.equals_node_of(attempt.placement):
            return Verdict.MIGRATE if self._moving_is_faster(planned, attempt) else Verdict.KEEP
        if attempt.step.id != planned.id:
            return Verdict.REPARENT
        return Verdict.COMMIT

    def _moving_is_faster(self, planned: PlannedStep, attempt: Attempt) -> bool:
        """Whether a new start where the plan says ends before the attempt does where it is.

        Finished work never moves. An attempt that an earlier plan confirmed stays: it was decided once.
        """
        if not attempt.live or attempt.verdict is not None:
            return False
        there_s = planned.placement.start_s + planned.placement.duration_s
        return there_s < attempt.remaining_s(self._progress.at_s)

    def _flush_the_rest(self) -> None:
        for attempt in self._usable:
            # An act stays what it is even where no step needs it: a later plan may hold it again. So does the work of
            # an earlier task, and what was guessed ahead, while steps are yet to be unrolled.
            waits = attempt.kept or (attempt.ahead and attempt.verdict is None)
            unrolled = not (waits and self._plan.pending) and not self._stands_by(attempt)
            if attempt.id not in self._taken and unrolled and not self._is_act(attempt):
                self._found.flushed.append(attempt.id)
                self._found.verdicts[attempt.id] = Verdict.FLUSH

    def _stands_by(self, attempt: Attempt) -> bool:
        """Whether it may still be needed: the output of its step may be refused."""
        if not attempt.standby or attempt.verdict is not None or not self._plan_holds(attempt.step):
            return False
        serving = self._found.adopted.get(attempt.step.id)
        return serving is None or not self._progress.attempts[serving].finished

    def _is_act(self, attempt: Attempt) -> bool:
        effect = self._effect(attempt)
        return effect.never_twice or (effect is Effect.STAGEABLE and attempt.settled)

    def _effect(self, attempt: Attempt) -> Effect:
        return self._catalog.by_name[attempt.placement.agent].effect

    def _belongs_to_a_step(self, attempt: Attempt) -> bool:
        """Whether a step of the plan has a better claim to it than a like one: its very work, or the step it serves."""
        serves = attempt.verdict is not None and self._plan_holds(attempt.step)
        return serves or attempt.work_key in self._plan_keys

    def _plan_holds(self, step: Step) -> bool:
        planned = self._plan.by_id.get(step.id)
        return planned is not None and same_step(planned.step, step)

    def _loose_key(self, planned: PlannedStep) -> WorkKey:
        return work_key(planned.step, ANY_AGENT, self._found.keys, self._digests)


def agentless_keys(plan: Plan, digests: InputDigests, known: Mapping[WorkKey, Attempt]) -> dict[StepId, WorkKey]:
    """The work key of each step without any agent, whatever the steps are called. Linear.

    ``known``: attempts by work key. A plan may hold a finished step without the parents that its key depends on.
    """
    found: dict[StepId, WorkKey] = {}
    for planned in plan.steps:
        own = known.get(planned.work_key)
        at_step = own is not None and own.step.id == planned.id
        kept = own.agentless_key if own is not None and at_step else None
        found[planned.id] = kept or work_key(planned.step, ANY_AGENT, found, digests)
    return found


def _grouped(attempts: Iterable[tuple[WorkKey | None, Attempt]]) -> dict[WorkKey, list[Attempt]]:
    grouped: dict[WorkKey, list[Attempt]] = {}
    for key, attempt in attempts:
        if key is not None:
            grouped.setdefault(key, []).append(attempt)
    return grouped
