"""The work that a run keeps of an earlier task: which of it, and how it becomes part of the run.

Kept attempts are matched with the plan like any other work, by their work keys. They count as confirmed: their effects
are out, the learner knows them, and the earlier task has paid for them. An act is known by its step as well, so that no
plan makes it happen twice.
"""

from collections.abc import Collection, Iterable

from planners.agents import Effect
from planners.compensation import PREFIX, is_undo
from planners.model import AttemptId, NodeId, StepId
from planners.plans import Plan
from planners.tasks import RetryOf, Task
from planners.validation.suggestions import meant
from planners.workflow import Goal, Node
from reconciler.errors import CannotRetry, UnknownStep
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.attempts import Attempt, AttemptStatus
from reconciler.state.outcomes import Verdict
from reconciler.state.run_data import RunData


def keep(run: RunData, kept: Iterable[e.KeptAttempt]) -> None:
    """Make attempts of an earlier task part of a run that starts."""
    for one in kept:
        in_doubt = one.failure is not None
        attempt = Attempt(
            id=one.attempt,
            step=one.step,
            placement=one.placement,
            work_key=one.work_key,
            loose_key=one.loose_key,
            agentless_key=one.agentless_key,
            epoch=0,
            dispatched_s=0.0,
            status=AttemptStatus.IN_DOUBT if in_doubt else AttemptStatus.FINISHED,
            verdict=Verdict.COMMIT,
            confirmed_s=0.0,
            started_s=0.0,
            ended_s=0.0,
            handoff=one.handoff,
            failure=one.failure,
            verifying=in_doubt,
            reason=f"kept from task {run.task.retry_of.task}" if run.task.retry_of is not None else "",
            kept=True,
        )
        run.attempts.put(attempt)
        run.dispatcher.know(attempt)
        if in_doubt:
            placement = one.placement
            verify = c.Verify(attempt=one.attempt, step=one.step.id, agent=placement.agent, node=placement.node)
            run.commands.append(verify)
        elif one.handoff is not None and not one.handoff.by_reference:
            run.commands.append(c.Restore(attempt=one.attempt, output=one.handoff.output))


def kept_attempts(
    run: RunData, retry: RetryOf, *, promoted: Collection[AttemptId], agents: Collection[str], nodes: Collection[NodeId]
) -> tuple[e.KeptAttempt, ...]:
    """The work of an ended run that a retry keeps.

    Args:
        run: the ended run.
        retry: says from which step on work is run again.
        promoted: attempts whose staged output is known to be out.
        agents: the agents of the catalog. Work of others is run again.
        nodes: those of the cluster. Work that was done elsewhere counts as done on the first of them.

    Raises:
        UnknownStep: the run has no such step.
        CannotRetry: the step has acted, or the agent of an act is no longer in the catalog.
    """
    undid = {one.step.id for one in run.attempts.values() if is_undo(one.step.id) and one.took_effect}
    undone = frozenset(one.id for one in run.attempts.values() if one.took_effect and PREFIX + one.step.id in undid)
    kept, left = [], [one for one in run.attempts.values() if one.id not in undone and not is_undo(one.step.id)]
    acts = {attempt.id for attempt in left if _has_acted(run, attempt, promoted)}
    # What steps with a mailbox have heard does not follow from their inputs.
    heard = {one.step.id for one in left if one.step.mailbox is not None}
    again = _behind(run, retry.from_step, acts, heard.union(run.attempts[attempt].step.id for attempt in undone))
    for attempt in left:
        known = attempt.placement.agent in agents
        if attempt.id in acts and not known:
            message = f"agent '{attempt.placement.agent}', which has acted at step '{attempt.step.id}', is gone"
            raise CannotRetry(message, "agent", "add it to the catalog again, or submit a new task")
        if attempt.id in acts or (known and attempt.step.id not in again and _is_there(run, attempt)):
            kept.append(_kept(attempt, nodes))
    return tuple(kept)


def _has_acted(run: RunData, attempt: Attempt, promoted: Collection[AttemptId]) -> bool:
    """Whether its effect is out, or may be."""
    if run.is_act(attempt):
        return attempt.finished or attempt.in_doubt
    out = attempt.kept or attempt.id in promoted
    return run.agent_of(attempt).effect is Effect.STAGEABLE and attempt.settled and out


def _is_there(run: RunData, attempt: Attempt) -> bool:
    """Whether work without effects of its own can be kept: a plan holds it, and its output was small enough."""
    small = attempt.handoff is not None and not attempt.handoff.by_reference
    return (
        attempt.settled and small and run.agent_of(attempt).effect is not Effect.STAGEABLE and not run.is_act(attempt)
    )


def _kept(attempt: Attempt, nodes: Collection[NodeId]) -> e.KeptAttempt:
    placement = attempt.placement
    if nodes and placement.node not in nodes:
        placement = placement.model_copy(update={"node": next(iter(nodes)), "node_class": ""})
    return e.KeptAttempt(
        attempt=attempt.id,
        step=attempt.step,
        placement=placement,
        work_key=attempt.work_key,
        loose_key=attempt.loose_key,
        agentless_key=attempt.agentless_key,
        handoff=attempt.handoff if attempt.finished else None,
        failure=attempt.failure if attempt.in_doubt else None,
    )


def _behind(
    run: RunData, from_step: StepId | None, acts: Collection[AttemptId], undone: Collection[StepId]
) -> set[StepId]:
    """The steps to run again: the named one, in all its copies, those undone, and everything that follows from them."""
    if from_step is None and not undone:
        return set()
    plan = run.whole_plan
    named = named_steps(run.task, from_step, plan) if from_step is not None else set()
    if from_step is None:
        return set(undone) if plan is None else _followed(plan, set(undone))
    if not named or plan is None:
        raise UnknownStep(
            f"the task has no step '{from_step}'",
            "from_step",
            meant(from_step or "", run.steps) or f"`forerun show {run.id}` lists its steps",
        )
    acted = next((step for act in acts if (step := run.attempts[act].step.id) in named), None)
    if acted is not None:
        message = f"step '{acted}' has acted, or may have, and an act is never repeated"
        raise CannotRetry(message, "from_step", "choose a step behind it, or none")
    return _followed(plan, named.union(undone))


def _followed(plan: Plan, again: set[StepId]) -> set[StepId]:
    """These steps, and those that follow from them."""
    for planned in plan.steps:
        if not again.isdisjoint(planned.step.parents):
            again.add(planned.id)
    return again


def named_steps(task: Task, name: StepId, plan: Plan | None) -> set[StepId]:
    """The steps of a plan that a name stands for: a step, its copies, or all steps inside a node."""
    if plan is None:
        return set()
    nodes = list(task.workflow.walk()) if task.workflow is not None else []
    names = {name}.union(*(_inside(node) for node in nodes if node.id == name))
    goals = tuple(f"{node.id}/" for node in nodes if isinstance(node, Goal) and node.id in names)
    return {
        planned.id
        for planned in plan.steps
        if planned.id in names or planned.id.partition("[")[0] in names or (goals and planned.id.startswith(goals))
    }


def _inside(node: Node) -> set[StepId]:
    """The ids of all nodes inside another one."""
    children = [child for _, branch in node.branches for child in branch.steps]
    return {child.id for child in children}.union(*map(_inside, children))
