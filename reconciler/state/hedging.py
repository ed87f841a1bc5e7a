"""Attempts that take longer than they should: a second one beside them, or a new plan.

A second attempt, a *hedge*, does the same work on another node where there is one. Whichever returns first serves the
step, and the other is flushed; if the first one fails, the hedge takes its place. Plans do not see hedges: they are
matched with the attempt that serves the step.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from planners.agents import REMOTE_KINDS, AgentKind, AgentSpec, Effect
from planners.model import NodeId
from planners.policies import Hedge
from planners.workflow import Step
from reconciler.gate.appraisal import Appraisal
from reconciler.gate.hedges import hedge_appraisal, pays
from reconciler.state import commands as c
from reconciler.state.attempts import Attempt, AttemptStatus
from reconciler.state.dispatch import with_callbacks
from reconciler.state.failure_policy import overrun_s
from reconciler.state.late_attempts import Due, Lateness
from reconciler.state.planning import request_plan
from reconciler.state.run_data import RunData
from reconciler.state.step_state import StepStatus

# How many hedges a run may make: some, and a share of its attempts. If more of those that run are late, none are made.
HEDGES_LEAST = 2
HEDGES_SHARE = 0.1
_HEDGED_EFFECTS = frozenset({Effect.PURE, Effect.IDEMPOTENT})
# What these wait for is mostly elsewhere, so a second attempt helps on the same node too.
_WAITING = REMOTE_KINDS | {AgentKind.ASYNC}


def watch(run: RunData) -> None:
    """Note when the attempts that have begun become late, and ask to be woken for the first of them."""
    for identity in dict.fromkeys(run.attempts.changed):
        attempt = run.attempts[identity]
        if run.plan is not None:
            run.late.ends.note(attempt, partial(run.late.rest_s, run.plan))
        confirmed = attempt.verdict is not None and attempt.verdict.survives
        if attempt.status is not AttemptStatus.RUNNING:
            run.late.overdue.pop(identity, None)
        if attempt.hedges is not None:
            continue
        if may_hedge(run.agent_of(attempt), attempt.step):
            for peer in map(run.attempts.__getitem__, run.late.peers.note(attempt)):
                run.late.watch(peer.id, list(_moments(run, peer)))
        if attempt.status is AttemptStatus.RUNNING and confirmed:
            run.late.watch(identity, list(_moments(run, attempt)))
    if (at_s := run.late.alarm(run.attempts.live)) is not None:
        run.commands.append(c.WakeAt(at_s=max(at_s, run.at_s), for_late=True))


def meet_late_attempts(run: RunData) -> None:
    """Hedge the attempts that are late by now, or ask for a new plan."""
    all_due = run.late.take_due(run.at_s)
    run.late.overdue.update((due.attempt, None) for due in all_due if due.attempt in run.attempts.live)
    # If most are late, what runs them is overloaded, and more attempts would make it worse.
    overloaded = len(run.late.overdue) > HEDGES_LEAST + HEDGES_SHARE * len(run.attempts.live)
    for due in all_due:
        attempt = run.attempts[due.attempt]
        state = run.steps.get(attempt.step.id)
        if run.status.ended or attempt.status is not AttemptStatus.RUNNING or state is None:
            continue
        if state.attempt != attempt.id or attempt.id in run.late.hedges:
            continue
        if due.lateness is Lateness.HEDGE:
            if overloaded and _declared_s(attempt.step) is None:
                # Again after as long as it has run: looking at thousands of attempts every second would cost much.
                began_s = attempt.dispatched_s if attempt.started_s is None else attempt.started_s
                run.late.postpone(due, 2 * run.at_s - began_s)
            else:
                _hedge(run, attempt)
        elif not run.replanning and run.unfinished > 1 and run.may_be_planned_better:
            request_plan(run, c.PlanReason.ESTIMATE_WRONG)


def _moments(run: RunData, attempt: Attempt) -> Iterator[Due]:
    agent, step = run.agent_of(attempt), attempt.step
    began_s = run.at_s if attempt.started_s is None else attempt.started_s
    learned_s = run.late.late_s(step.id)
    after_s = next((s for s in (_declared_s(step), learned_s, run.late.peers.late_s(attempt)) if s is not None), None)
    if after_s is not None and may_hedge(agent, step):
        yield Due(began_s + after_s, attempt.id, Lateness.HEDGE)
    if learned_s is not None and not agent.built_in:
        expected_s = attempt.placement.duration_s
        over_s = max(learned_s, expected_s + overrun_s(expected_s, run.makespan_s))
        yield Due(began_s + over_s, attempt.id, Lateness.PLAN)


def may_hedge(agent: AgentSpec, step: Step) -> bool:
    """Whether doing the work twice does no harm, and the step does not forbid it."""
    harmless = agent.effect in _HEDGED_EFFECTS and not agent.discloses and not agent.built_in
    return harmless and step.hedge is not False and step.mailbox is None


def _hedge(run: RunData, first: Attempt) -> None:
    if (node := _other_node(run, first)) is None:
        return
    appraisal, budget_usd = _appraisal(run, first, node), run.task.limits.budget_usd
    affordable = budget_usd is None or run.spent_usd + appraisal.risked_usd <= budget_usd
    if not affordable or not has_inputs(run, first) or not _is_wanted(run, first, appraisal):
        return
    assert run.plan is not None
    inputs = run.dispatcher.inputs(run.plan.by_id[first.step.id], run.steps.attempt_of)
    saves = f"saves {appraisal.saved_s:.2g} s if it is first"
    attempt = run.dispatcher.hedge(first, node, run.at_s, f"hedge: {first.id} is late; {saves}")
    run.late.made += 1
    run.late.hedges[first.id] = attempt.id
    run.attempts.put(attempt)
    order = run.dispatcher.command(attempt, inputs, run.tries, run.late.late_s(first.step.id))
    run.commands.append(with_callbacks(order, run.plan))


def has_inputs(run: RunData, first: Attempt) -> bool:
    """Whether what the step reads is there; an output that was lost is being made again."""
    states = (run.steps.get(parent) for parent in first.step.data_parents)
    return all(state is None or state.status is StepStatus.FINISHED for state in states)


def _is_wanted(run: RunData, first: Attempt, appraisal: Appraisal) -> bool:
    """Whether the step asks for a hedge at this moment, or the gate says that it pays and the run has any left."""
    if _declared_s(first.step) is not None:
        return True
    if run.late.made >= HEDGES_LEAST + HEDGES_SHARE * len(run.attempts):
        return False
    return pays(appraisal, run.task.planning.value_of_time_usd_per_s, run.task.planning.alpha)


def _declared_s(step: Step) -> float | None:
    return step.hedge.after_s if isinstance(step.hedge, Hedge) else None


def _appraisal(run: RunData, first: Attempt, node: NodeId) -> Appraisal:
    assert run.plan is not None
    agent, typical_s = run.agent_of(first), run.late.peers.typical_s(first)
    duration_s = first.placement.duration_s if typical_s is None else typical_s
    rest_s = partial(run.late.rest_s, run.plan)
    others_end_s = run.late.ends.latest_s(run.at_s, run.plan, run.attempts, rest_s, without=first)
    return hedge_appraisal(
        elapsed_s=run.at_s - (first.started_s or first.dispatched_s),
        duration_s=duration_s,
        rest_s=rest_s(first.step.id),
        others_end_s=others_end_s,
        usd=agent.price.of(duration_s),
        value_usd_per_s=run.task.planning.value_of_time_usd_per_s,
        delay_usd=run.late.contention.usd(agent, node, duration_s),
    )


def _other_node(run: RunData, first: Attempt) -> NodeId | None:
    """The node with the fewest attempts of this run, of those that the agent fits on; None if there is none."""
    assert run.plan is not None
    agent, here = run.agent_of(first), first.placement.node
    used = (planned.placement for planned in run.plan.steps)
    known = run.late.nodes(agent.name) or tuple(dict.fromkeys(one.node for one in used if one.agent == agent.name))
    others = [node for node in known if node != here and node not in run.requests.without_nodes]
    if others:
        return min(others, key=run.attempts.live_count_on)
    return here if agent.kind in _WAITING else None


def won(run: RunData, hedge: Attempt) -> Attempt:
    """A hedge has returned first, or the attempt beside it has failed: it serves the step from here on."""
    assert hedge.hedges is not None
    first = run.attempts[hedge.hedges]
    run.late.hedges.pop(first.id, None)
    heir = replace(hedge, hedges=None, step=first.step, work_key=first.work_key, epoch=first.epoch)
    run.attempts.put(heir)
    state = run.steps.get(first.step.id)
    if state is not None and state.attempt == first.id:
        run.steps.hand_over(first.step.id, heir.id, run.at_s, running=heir.status is AttemptStatus.RUNNING)
    return heir


def inherited(run: RunData, broken: Attempt) -> bool:
    """Let the hedge beside an attempt that has failed serve its step; whether there is one."""
    hedge = run.late.hedges.pop(broken.id, None)
    if hedge is None or not run.attempts[hedge].live:
        return False
    heir = won(run, run.attempts[hedge])
    if heir.status is AttemptStatus.DISPATCHED:
        run.commands.append(c.Confirm(attempt=heir.id))
    return True
