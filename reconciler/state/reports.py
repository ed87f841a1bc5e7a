"""What becomes of attempts: they start, finish, fail, are lost with a node, or are left in doubt."""

from collections.abc import Iterable

from planners.agents import Effect
from planners.compensation import is_undo
from planners.model import AttemptId, NodeId
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.attempts import Attempt
from reconciler.state.conclusion import flush
from reconciler.state.failed_tries import ended_in_failed_try, lose_what_is_reverted
from reconciler.state.failure_policy import guess_failure_counts, overran
from reconciler.state.failures import apply_policy, serves
from reconciler.state.finished_turns import whole_again
from reconciler.state.giving_up import drop_left
from reconciler.state.handoff import Failure, FailureKind, Handoff
from reconciler.state.hedging import inherited, won
from reconciler.state.lost_outputs import steps_to_redo
from reconciler.state.outcomes import Verdict
from reconciler.state.planning import request_plan, settle, unroll
from reconciler.state.proposals import awaits_plan
from reconciler.state.run_data import RunData
from reconciler.state.step_state import StepStatus
from reconciler.state.undecided_steps import StepChange
from reconciler.state.undo_plan import lose_inputs


def started(run: RunData, attempt: Attempt, at_s: float) -> None:
    """The agent of a live attempt has begun; told again, that is no news."""
    if not attempt.live or attempt.started_s is not None:
        return
    run.attempts.put(attempt.as_started(at_s))
    if serves(run, attempt.id, attempt.step):
        run.steps.start(attempt.step.id, run.at_s)


def finished(run: RunData, attempt: Attempt, event: e.AttemptFinished) -> None:
    """An attempt has returned; one in doubt thereby has acted. A late result of a flushed attempt is inert."""
    if not attempt.live and not attempt.in_doubt:
        return
    if _is_done_by_another(run, attempt):
        flush(run, {attempt.id: Verdict.FLUSH})
        return
    attempt = _first_of_two(run, attempt)
    done = attempt.as_finished(event.at_s, event.seconds, event.handoff)
    run.attempts.put(done)
    if done.verdict is None:
        return
    settle(run, done)
    _finish_step(run, done, "finished")
    if (
        run.may_be_planned_better
        and not run.replanning
        and not run.agent_of(done).built_in
        and overran(done, run.makespan_s, run.unfinished)
    ):
        request_plan(run, c.PlanReason.ESTIMATE_WRONG)


def _is_done_by_another(run: RunData, attempt: Attempt) -> bool:
    """Whether a confirmed attempt has staged what the plan has another one do, so that its effect must not get out.

    That happens while a new plan streams in: it has given the step to another agent, and what it does not hold yet is
    undecided.
    """
    confirmed = attempt.verdict is not None and attempt.verdict.survives
    if run.agent_of(attempt).effect is not Effect.STAGEABLE or not confirmed or serves(run, attempt.id, attempt.step):
        return False
    serving = (state.attempt for state in run.steps.values() if state.attempt is not None)
    return any(run.attempts[one].agentless_key == attempt.agentless_key for one in serving)


def _first_of_two(run: RunData, attempt: Attempt) -> Attempt:
    """An attempt that has returned, as the one that serves its step: of two at the same work the other is flushed."""
    if attempt.hedges is not None:
        first = attempt.hedges
        attempt = won(run, attempt)
        flush(run, {first: Verdict.FLUSH} if run.attempts[first].live else {})
    elif (hedge := run.late.hedges.pop(attempt.id, None)) is not None and run.attempts[hedge].live:
        flush(run, {hedge: Verdict.FLUSH})
    return attempt


def failed(run: RunData, attempt: Attempt, event: e.AttemptFailed) -> None:
    """An attempt has failed. With its node, everything else there has failed too."""
    if attempt.in_doubt:
        if not event.failure.uncertain:
            _fail(run, attempt, event.failure, event.seconds)
    elif attempt.live:
        if event.failure.kind is FailureKind.NODE_LOST:
            _lose_node(run, attempt.placement.node, event.failure)
        else:
            _fail(run, attempt, event.failure, event.seconds)


def node_lost(run: RunData, node: NodeId) -> None:
    """A node has left the cluster."""
    fix = "its work is placed on other nodes; to use the node again, restart Ray there"
    _lose_node(run, node, Failure(kind=FailureKind.NODE_LOST, message=f"node {node} was lost", fix=fix))


def outputs_lost(run: RunData, attempts: Iterable[AttemptId], failure: Failure) -> None:
    """What finished attempts had made is gone: work that still needs it is done again, acts are left in doubt."""
    gone = {attempt for attempt in attempts if attempt in run.attempts and run.attempts[attempt].finished}
    if run.undoing is not None:
        lose_inputs(run, gone)
    lose_what_is_reverted(run, gone)
    if not gone or run.undoing is not None:
        return
    closed = frozenset(run.history.steps.keys() - run.facts.finished.keys())
    known = () if run.requests.awaited is None else (*run.requests.known_from,)
    redone = steps_to_redo(run.plan, run.steps, gone, known=known) if run.plan is not None else []
    whole = whole_again(run, redone)
    if whole and run.plan is not None:
        redone = steps_to_redo(run.plan, run.steps, gone, closed, known)
    asks_again = run.requests.lose(redone) or whole
    for step in redone:
        attempt = run.attempts[run.steps.attempt_of(step)]
        gone.discard(attempt.id)
        if run.is_act(attempt):
            _leave_in_doubt(run, attempt, failure, attempt.seconds)
        else:
            _lose_output(run, attempt, failure)
            run.steps.lose_output(step, run.at_s, failure.message)
    streams = run.plan is not None and not run.plan.complete
    for attempt in (run.attempts[attempt] for attempt in gone):
        if serves(run, attempt.id, attempt.step):
            continue  # what the plan has finished and nobody reads any more stays as it is
        if not run.is_act(attempt):
            _lose_output(run, attempt, failure)  # no plan may adopt it now
        elif streams:
            _leave_in_doubt(run, attempt, failure, attempt.seconds)  # the rest of the plan may hold its step
    if asks_again and run.requests.awaited is not None:
        request_plan(run, run.requests.awaited)  # the plan that is being made leaves finished turns out, or reads them


def _lose_output(run: RunData, attempt: Attempt, failure: Failure) -> None:
    if attempt.settled and run.agent_of(attempt).effect is Effect.STAGEABLE:
        run.redone[attempt.id] = attempt
    run.attempts.put(attempt.as_failed(run.at_s, attempt.seconds, failure))


def reopened(run: RunData, event: e.Event) -> bool:
    """Go on with a run that has succeeded if outputs that the task returns were lost; whether it does."""
    if run.status is not c.RunStatus.SUCCEEDED or not isinstance(event, e.OutputsLost) or run.plan is None:
        return False
    if not steps_to_redo(run.plan, run.steps, set(event.attempts)):
        return False
    run.status, run.end = c.RunStatus.RUNNING, None
    return True


def verified(run: RunData, attempt: Attempt, event: e.AttemptVerified) -> None:
    """The agent's verify hook has answered about an attempt in doubt."""
    if attempt.in_doubt and event.happened is None:
        run.attempts.put(attempt.as_unverified())
    elif attempt.in_doubt:
        _resolve(run, attempt, event.handoff or Handoff(), happened=event.happened is True)


def resolved(run: RunData, attempt: Attempt, event: e.DoubtResolved) -> None:
    """A person has answered about an attempt in doubt."""
    if attempt.in_doubt:
        summary = f"resolved by {event.by}" if event.by else "resolved by hand"
        _resolve(run, attempt, Handoff(output=event.output, summary=summary), happened=event.happened)


def answered_after_the_end(run: RunData, attempt: Attempt, event: e.Event) -> None:
    """Note what is known now about an attempt that the end of the run left in doubt."""
    match event:
        case e.AttemptFinished(handoff=handoff, seconds=seconds):
            run.attempts.put(attempt.as_finished(event.at_s, seconds, handoff))
        case e.AttemptFailed(failure=failure) if not failure.uncertain:
            run.attempts.put(attempt.as_failed(event.at_s, attempt.seconds, failure))
        case e.AttemptVerified(happened=True) | e.DoubtResolved(happened=True):
            given = event.handoff if isinstance(event, e.AttemptVerified) else Handoff(output=event.output)
            run.attempts.put(attempt.as_finished(event.at_s, attempt.seconds, given or Handoff()))
        case e.AttemptVerified(happened=False) | e.DoubtResolved(happened=False) if attempt.failure is not None:
            run.attempts.put(attempt.as_failed(event.at_s, attempt.seconds, attempt.failure))
        case _:
            pass


def _lose_node(run: RunData, node: NodeId, failure: Failure) -> None:
    """Everything on the node has failed or is in doubt, and steps that were to run there need another place."""
    run.requests.without_nodes[node] = None
    for attempt in run.attempts.live_on(node):
        # What only waits does so nowhere in particular. One failure may end the run, or what it does.
        if not run.status.ended and run.attempts[attempt.id].live and not run.agent_of(attempt).built_in:
            _fail(run, attempt, failure, 0.0)
    large = [attempt for attempt in run.attempts.large_outputs if run.attempts[attempt].placement.node == node]
    outputs_lost(run, large, Failure(kind=FailureKind.NODE_LOST, message=f"its output was lost with node {node}"))
    if run.status.ended or run.plan is None:
        return
    open_ = (StepStatus.WAITING, StepStatus.READY, StepStatus.RETRYING)
    for step, state in run.steps.items():
        if state.status in open_ and run.placed(step).placement.node == node:
            run.steps.block(step, run.at_s, c.PlanReason.NODE_LOST, node=node)


def _fail(run: RunData, attempt: Attempt, failure: Failure, seconds: float) -> None:
    """One attempt has failed. An act that may have happened is in doubt instead."""
    failure = failure.with_evidence(**attempt.identity)
    if failure.uncertain and run.is_act(attempt):
        _leave_in_doubt(run, attempt, failure, seconds)
        return
    broken = attempt.as_failed(run.at_s, seconds, failure)
    run.attempts.put(broken)
    if attempt.verdict is None:
        if guess_failure_counts(failure):
            run.tries.record(attempt.work_key, failure, run.at_s)
            run.outcomes.defer_failed(broken)
        return
    if attempt.live:
        run.learn(run.outcomes.of(broken))
    _handle_failure(run, broken, failure)


def _handle_failure(run: RunData, broken: Attempt, failure: Failure, *, repeatable: bool = False) -> None:
    """What the step of a failed confirmed attempt does next."""
    if not serves(run, broken.id, broken.step):
        return
    if run.undoing is not None and broken.step.id not in run.undoing.made:
        run.steps.leave(broken.step.id, StepStatus.FAILED, run.at_s, failure.told)
        return
    if inherited(run, broken):
        return
    if failure.kind is FailureKind.NODE_LOST:
        run.steps.block(broken.step.id, run.at_s, c.PlanReason.NODE_LOST, node=broken.placement.node)
        return
    failure = run.tries.record(run.steps[broken.step.id].work_key, failure, run.at_s)
    apply_policy(run, broken.step, run.agent_of(broken), failure, run.at_s, repeatable=repeatable)


def _leave_in_doubt(run: RunData, attempt: Attempt, failure: Failure, seconds: float) -> None:
    run.attempts.put(attempt.as_in_doubt(run.at_s, seconds, failure, verifying=True))
    if serves(run, attempt.id, attempt.step):
        run.steps.doubt(attempt.step.id, run.at_s, failure.message)
    placement = attempt.placement
    run.commands.append(c.Verify(attempt=attempt.id, step=attempt.step.id, agent=placement.agent, node=placement.node))


def _resolve(run: RunData, attempt: Attempt, handoff: Handoff, *, happened: bool) -> None:
    """It is known whether an attempt in doubt has acted. How long it took is not, so nothing is learned from it."""
    if happened:
        done = attempt.as_finished(run.at_s, attempt.seconds, handoff)
        run.attempts.put(done)
        if not handoff.by_reference:
            run.commands.append(c.Restore(attempt=attempt.id, output=handoff.output))
        _finish_step(run, done, handoff.summary or "verified")
    elif attempt.handoff is not None:
        # It had returned before its output was lost: that it did not happen cannot be.
        run.attempts.put(attempt.as_unverified())
    else:
        assert attempt.failure is not None
        # It is certain now, so no later plan takes this failure for a doubt.
        failure = attempt.failure.model_copy(update={"never_began": True})
        broken = attempt.as_failed(run.at_s, attempt.seconds, failure)
        run.attempts.put(broken)
        _handle_failure(run, broken, failure, repeatable=True)


def _finish_step(run: RunData, done: Attempt, cause: str) -> None:
    run.finished += 1
    if not serves(run, done.id, done.step):
        return
    # What a failed `try` undoes goes on when the task ends: the next compensation follows.
    if run.undoing is not None and done.step.id not in run.undoing.made and not is_undo(done.step.id):
        run.steps.leave(done.step.id, StepStatus.FINISHED, run.at_s, cause)
        return
    if awaits_plan(run, done.step.id, done):
        run.change(StepChange(frozenset({done.step.id}), skips=False))
        run.steps.block(done.step.id, run.at_s, c.PlanReason.PROPOSED)
        return
    counted = run.steps.finish(done.step.id, run.at_s, cause)
    ended_in_failed_try(run, done)
    drop_left(run)
    due = [run.awaited.finish(step, run.at_s) for step in counted]
    if any(due):
        unroll(run)
