"""Holding a new plan of authority against the work under way: one pass in topological order, linear in steps and edges.

Work keys are unique within a plan (see `planners.work_keys`), so a match is a dictionary lookup. Under the policy
``exact`` the plan's own keys are looked up. Where agents are interchangeable, a parent that was adopted from another
agent changes the keys of its children, so keys are computed along the pass from what was adopted.
"""

from dataclasses import dataclass, field

from planners.agents import Catalog
from planners.eligibility import Eligibility
from planners.model import AttemptId, StepId, WorkKey
from planners.plans import Plan, PlannedStep
from planners.tasks import Interchange, Task
from planners.work_keys import InputDigests, work_key
from reconciler.state.attempts import Attempt, Progress
from reconciler.state.outcomes import Verdict

ANY_AGENT = ""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What a plan makes of the work under way.

    ``adopted``: step -> attempt that serves it. ``missing``: steps that need a dispatch, in plan order. ``migrated``:
    step -> attempt that is given up because moving its work wins (its step is also missing). ``flushed``: attempts the
    plan has no use for. ``verdicts`` holds only what changes, so reconciling a plan with itself yields none. ``keys``:
    the work key each step really has, given what was adopted for its parents.
    """

    adopted: dict[StepId, AttemptId] = field(default_factory=dict)
    missing: list[StepId] = field(default_factory=list)
    migrated: dict[StepId, AttemptId] = field(default_factory=dict)
    flushed: list[AttemptId] = field(default_factory=list)
    verdicts: dict[AttemptId, Verdict] = field(default_factory=dict)
    keys: dict[StepId, WorkKey] = field(default_factory=dict)


def reconcile(progress: Progress, plan: Plan, task: Task, catalog: Catalog, digests: InputDigests) -> Reconciliation:
    """Match the attempts of a task with a plan of authority.

    While the plan is still a prefix (``plan.complete`` false) attempts that it does not hold yet stay undecided.

    Args:
        progress: the attempts so far.
        plan: steps in topological order, each with its work key.
        task: for the interchange policy and the quality floor.
        catalog: for agent qualities.
        digests: of the task's inputs.
    """
    return _Pass(progress, plan, task, catalog, digests).run()


class _Pass:
    def __init__(self, progress: Progress, plan: Plan, task: Task, catalog: Catalog, digests: InputDigests) -> None:
        self._progress = progress
        self._plan = plan
        self._task = task
        self._catalog = catalog
        self._digests = digests
        self._loose = task.planning.interchange is Interchange.INTERCHANGEABLE
        candidates = progress.usable()
        self._by_key = {attempt.work_key: attempt for attempt in candidates}
        self._by_loose_key: dict[WorkKey, list[Attempt]] = {}
        for attempt in reversed(candidates):
            self._by_loose_key.setdefault(attempt.loose_key, []).append(attempt)
        self._found = Reconciliation()

    def run(self) -> Reconciliation:
        taken: set[AttemptId] = set()
        for planned in self._plan.steps:
            key = self._key(planned)
            self._found.keys[planned.id] = key
            attempt = self._match(planned, key, taken)
            if attempt is None:
                self._found.missing.append(planned.id)
            else:
                taken.add(attempt.id)
                self._judge(planned, attempt)
        if self._plan.complete:
            self._flush_all_but(taken)
        return self._found

    def _key(self, planned: PlannedStep) -> WorkKey:
        if not self._loose:
            return planned.work_key
        identity = self._catalog.by_name[planned.placement.agent].identity
        fresh = work_key(planned.step, identity, self._found.keys, self._digests)
        # Only a changed parent makes a difference; the plan's own key also numbers identical steps.
        changed = any(
            self._found.keys[parent] != self._plan.by_id[parent].work_key for parent in planned.step.data_parents
        )
        return fresh if changed else planned.work_key

    def _match(self, planned: PlannedStep, key: WorkKey, taken: set[AttemptId]) -> Attempt | None:
        attempt = self._by_key.get(key)
        if attempt is not None and attempt.id not in taken:
            return attempt
        if not self._loose:
            return None
        loose_key = work_key(planned.step, ANY_AGENT, self._found.keys, self._digests)
        for other in reversed(self._by_loose_key.get(loose_key, ())):
            if other.id not in taken and self._suffices(other, planned):
                self._found.keys[planned.id] = other.work_key
                return other
        return None

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
            return Verdict.MIGRATE if self._moving_wins(planned, attempt) else Verdict.KEEP
        if attempt.step.id != planned.id:
            return Verdict.REPARENT
        return Verdict.COMMIT

    def _moving_wins(self, planned: PlannedStep, attempt: Attempt) -> bool:
        """Whether starting anew where the plan says ends before finishing where the attempt is.

        Finished work never moves. An attempt that an earlier plan confirmed stays: it was decided once.
        """
        if not attempt.live or attempt.verdict is not None:
            return False
        there_s = planned.placement.start_s + planned.placement.duration_s
        return there_s < attempt.remaining_s(self._progress.at_s)

    def _flush_all_but(self, taken: set[AttemptId]) -> None:
        for attempt in self._progress.usable():
            if attempt.id not in taken:
                self._found.flushed.append(attempt.id)
                self._found.verdicts[attempt.id] = Verdict.FLUSH
