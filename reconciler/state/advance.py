"""What follows from any event: limits are checked, plans asked for, and steps that may start are started."""

from planners.compensation import is_undo
from planners.model import StepId
from planners.plans import Plan, PlannedStep
from reconciler.gate import Decision
from reconciler.state import commands as c
from reconciler.state import delivery, waits
from reconciler.state.attempts import Attempt
from reconciler.state.completion import settle_fan_outs
from reconciler.state.conclusion import end_if_done
from reconciler.state.deadlines import give_up_late_steps
from reconciler.state.dispatch import with_callbacks
from reconciler.state.failures import has_fallback
from reconciler.state.giving_up import drop_left, give_up
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.hedging import meet_late_attempts, watch
from reconciler.state.limit_policy import may_start, meet_limits, release_replanned
from reconciler.state.planning import request_plan
from reconciler.state.promotion import promote
from reconciler.state.proposals import will_be_replaced
from reconciler.state.run_data import RunData
from reconciler.state.speculation import Speculation
from reconciler.state.standbys import meet_standbys
from reconciler.state.undo import go_on_undoing


def advance(run: RunData) -> None:
    """Bring the run as far as it comes without another event."""
    if not run.ending:
        meet_limits(run)
    if not run.ending:
        if not run.is_late:
            meet_late_attempts(run)
        _start_what_is_ready(run)
    if not run.ending:
        meet_standbys(run)
    if not run.ending:
        _request_if_needed(run)
        promote(run)
    if not run.ending and not run.is_late:
        _speculate(run)
    end_if_done(run)
    if run.undoing is not None and not run.status.ended:
        _start_what_is_ready(run)
        go_on_undoing(run)
    elif not run.status.ended:
        watch(run)


def _start_what_is_ready(run: RunData) -> None:
    """Dispatch every step that is ready, or hold it. That may complete a fan-out, which may make others ready."""
    run.steps.release_due(run.at_s)
    release_replanned(run)
    give_up_late_steps(run)
    drop_left(run)
    settle_fan_outs(run)
    while run.steps.ready and not run.status.ended:
        for step in list(run.steps.ready):
            if step not in run.steps.ready or run.status.ended:
                continue
            if (full := run.fan_outs.holding(step)) is None:
                _dispatch_confirmed(run, step)
            else:
                run.steps.hold(step, run.at_s, f"'{full}' is at max_concurrency")
                run.fan_outs.hold(step, full)
        settle_fan_outs(run)


def _request_if_needed(run: RunData) -> None:
    """Blocked steps wait for a plan that is being made; if it blocks them again, another one is asked for."""
    if run.requests.required:
        return
    if run.steps.blocked:
        reason = run.steps[next(iter(run.steps.blocked))].blocked_by
        assert reason is not None
        request_plan(run, reason)
    elif run.facts.asks or (_is_stuck(run) and run.facts.count > run.facts.told):
        request_plan(run, c.PlanReason.SETTLED)
    elif run.limits.raised and run.may_be_planned_better:
        request_plan(run, c.PlanReason.LIMITS_RAISED)
    else:
        run.limits.raised = False


def _is_stuck(run: RunData) -> bool:
    """Whether nothing goes on: what is left waits for an element of its fan-out that was dropped."""
    steps = run.steps
    return bool(steps.unfinished) and not (steps.under_way or steps.blocked or steps.in_doubt)


def _dispatch_confirmed(run: RunData, step: StepId) -> None:
    planned = run.placed(step)
    if not may_start(run, planned):
        return
    if _waits_for_plan(run, planned):
        run.steps.block(step, run.at_s, c.PlanReason.SETTLED)
        return
    try:
        inputs = run.dispatcher.inputs(planned, run.steps.attempt_of)
    except LookupError as error:
        failure = Failure(kind=FailureKind.BAD_INPUT, message=f"step '{step}': {error.args[0]}")
        give_up(run, planned.step, failure, str(error.args[0]))
        return
    attempt = run.dispatcher.confirmed(planned, run.keys, run.steps.attempt_of, run.epoch, run.at_s)
    run.steps.dispatch(step, attempt.id, run.at_s, running=attempt.started_s is not None)
    assert run.plan is not None
    _dispatch(run, attempt, inputs, run.plan)


def _waits_for_plan(run: RunData, planned: PlannedStep) -> bool:
    """Whether a step that is ready does not begin before the plan that is coming.

    Any step if that changes what it reads. One that cannot be taken back also if the plan may skip it or tell that a
    fan-out around it was complete without it, or if a failure waits for the plan, which may end the task.
    """
    if run.is_stale(planned.id):
        return True
    if run.catalog.by_name[planned.placement.agent].may_speculate or not run.plan_is_coming:
        return False
    quorums = (one for one, _ in run.fan_outs.having(planned.id) if one.is_quorum)
    return bool(run.failing) or run.is_undecided(planned.id) or any(map(run.is_awaited, quorums))


def _speculate(run: RunData) -> None:
    for speculation in run.speculations:
        _catch_up(run, speculation)
        for planned, decision in speculation.decide(run.at_s, run.attempts):
            if decision.dispatch:
                _dispatch_speculative(run, speculation, planned, decision)
    for speculation in run.speculations:
        _catch_up(run, speculation)


def _catch_up(run: RunData, speculation: Speculation) -> None:
    changed = run.attempts.changed
    for attempt in changed[speculation.seen :]:
        speculation.observe(run.attempts[attempt])
    speculation.seen = len(changed)


def _dispatch_speculative(run: RunData, guess: Speculation, planned: PlannedStep, decision: Decision) -> None:
    # An effect is not undone on a guess.
    if planned.placement.node in run.requests.without_nodes or run.is_settled(planned.id) or is_undo(planned.id):
        guess.drop(planned.id)
        return
    if guess.holds(planned.id) or run.fan_outs.holding(planned.id) is not None:
        return
    if any(will_be_replaced(run, parent, guess.serving.get(parent)) for parent in planned.step.data_parents):
        guess.drop(planned.id)
        return
    try:
        inputs = run.dispatcher.inputs(planned, guess.serving.__getitem__)
    except LookupError:
        # A wrong guess may bind to a part that is not there; the optimal plan decides what to do instead.
        guess.drop(planned.id)
        return
    attempt = run.dispatcher.speculative(
        planned, guess.keys, guess.serving.__getitem__, run.epoch, run.at_s, decision=decision, ahead=guess.ahead
    )
    guess.take(planned.id, attempt.id)
    _dispatch(run, attempt, inputs, guess.guess)


def _dispatch(run: RunData, attempt: Attempt, inputs: dict[str, c.Source], plan: Plan) -> None:
    run.attempts.put(attempt)
    if run.agent_of(attempt).built_in:
        waits.begin(run, attempt, inputs)
    else:
        late_s = run.late.late_s(attempt.step.id)
        fallback = has_fallback(run, attempt)
        order = run.dispatcher.command(attempt, inputs, run.tries, late_s, fallback=fallback)
        run.commands.append(with_callbacks(order, plan))
        delivery.begin(run, attempt)
