"""What plans and guesses do to a run. Whatever changes the plan goes through `accept`.

A plan that streamed in, a list that became known, an agent that failed for good, a lost node: each leads to a request
for a new optimal plan, and its answer is held against the work under way.
"""

import math
from collections import ChainMap
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from planners.agents import Effect
from planners.facts import Facts
from planners.model import AttemptId, StepId, WorkKey
from planners.plans import Plan, PlannedStep
from planners.tasks import Mode
from reconciler.state import commands as c
from reconciler.state import delivery
from reconciler.state import events as e
from reconciler.state.attempts import Attempt, AttemptStatus
from reconciler.state.awaited_outputs import AwaitedOutputs
from reconciler.state.conclusion import fail, flush
from reconciler.state.deadlines import watch_deadlines
from reconciler.state.failed_tries import prepare_reverts, see_tries
from reconciler.state.fan_outs import FanOuts
from reconciler.state.finished_turns import leave_out, resume_loops
from reconciler.state.giving_up import UNBEGUN, skip_flushed
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.learned_times import LearnedTimes
from reconciler.state.matching import Reconciliation, reconcile
from reconciler.state.outcomes import Verdict
from reconciler.state.plan_requests import OPTIONAL
from reconciler.state.promotion import is_out
from reconciler.state.proposals import awaits_plan
from reconciler.state.run_data import RunData
from reconciler.state.speculation import Speculation, supersede
from reconciler.state.step_state import StepState, StepStatus
from reconciler.state.step_table import StepTable
from reconciler.state.tried_work import TriedWork
from reconciler.state.undecided_ends import Ends, count_ends, ended_by_plan, going_on_in_elements
from reconciler.state.undecided_steps import StepChange, UndecidedSteps
from reconciler.state.undo_plan import give_up_without_inputs, prepare

_NOT_DONE = UNBEGUN | {StepStatus.FAILED}


def start(run: RunData) -> None:
    """Ask for the first plan, or accept the one that the task brings along."""
    if run.task.limits.deadline_s is not None:
        run.commands.append(c.WakeAt(at_s=run.task.limits.deadline_s))
    if run.task.planning.plan is None:
        request_plan(run, c.PlanReason.ADMITTED)
    else:
        run.requests.given()
        accept(run, run.task.planning.plan, epoch=1)


def request_plan(run: RunData, reason: c.PlanReason) -> None:
    """Ask for the plan of the next epoch; fail the run if plan after plan has brought nothing new."""
    if run.undoing is None:
        resume_loops(run)
        prepare_reverts(run)
    else:
        prepare(run)
    if run.facts.asks and reason in OPTIONAL:  # the run cannot do without this plan
        reason = c.PlanReason.SETTLED
    question = run.requests.ask(reason, run.finished, run.facts)
    question = question.model_copy(update={"facts": _with_confidences(run, question)})
    if run.requests.exhausted:
        message = f"{question.epoch - 1} plans were made, and the last of them brought the run no further"
        fail(run, Failure(kind=FailureKind.PLANNING, message=message))
        return
    run.drop_guesses()
    run.limits.raised = False  # it is planned within them
    run.commands.append(question)


def _with_confidences(run: RunData, question: c.RequestPlan) -> Facts:
    """The facts with how sure agents are of the outputs that conditions may read, and what else they say."""
    handoffs = {step: run.attempts[attempt].handoff for step, attempt in question.known_from.items()}
    known = {step: handoff for step, handoff in handoffs.items() if handoff is not None}
    unsure = {step: handoff.confidence for step, handoff in known.items() if handoff.confidence < 1}
    spoken = {step: handoff.spoken for step, handoff in known.items() if handoff.context or handoff.summary}
    return question.facts.model_copy(update={"confidences": unsure, "spoken": spoken})


def take_guess(run: RunData, event: e.SpeculativePlanReady) -> None:
    """Act on a guess while the plan that it guesses at is being made, or while its pending nodes cannot be unrolled."""
    if run.undoing is not None:  # an effect is not undone on a guess
        return
    guess = _as_numbered(run, event.plan)
    if event.ahead:
        if not _is_pending(run, event.epoch):
            return
        works = {planned.work_key for planned in guess.steps}
        ahead = [one for one in map(run.attempts.__getitem__, run.attempts.unconfirmed) if one.ahead]
        _give_up(run, frozenset(one.work_key for one in ahead if one.work_key not in works))
        run.drop_guesses()
    elif not run.requests.required or event.epoch != run.requests.requested:
        return
    elif not event.alternative:
        _give_up(run, frozenset(event.unlikely))
        run.drop_guesses()
        run.guess = guess
        run.guess_s = run.at_s if run.guess_s is None else run.guess_s
    planned = frozenset(run.plan.by_id) if event.ahead and run.plan is not None else None
    speculation = Speculation(guess, event.conditions, run.task, run.catalog, planned)
    for attempt in run.attempts.current():  # work that was given up is as if it had never begun
        speculation.observe(attempt)
    run.speculations.append(speculation)


def _as_numbered(run: RunData, guess: Plan) -> Plan:
    """The guess with the numbers that like steps of the run have; planners count from the first one that is left."""
    if not any(_is_renumbered(run, planned) for planned in guess.steps):
        return guess
    keys = _reconciled(run, guess, _tried(run)).keys
    steps = (planned.model_copy(update={"work_key": keys[planned.id]}) for planned in guess.steps)
    return guess.model_copy(update={"steps": tuple(steps)})


def _is_renumbered(run: RunData, planned: PlannedStep) -> bool:
    state = run.steps.get(planned.id)
    if run.facts.failed_work.get(planned.work_key, planned.id) != planned.id:
        return True
    return state is not None and state.attempt is not None and state.work_key != planned.work_key


def _reconciled(run: RunData, plan: Plan, tried: Mapping[StepId, TriedWork]) -> Reconciliation:
    progress = replace(run.progress, current=run.attempts.current())
    # A like act of another step, such as one in a finished turn of a loop that the plan leaves out, is another act.
    taken = ChainMap(run.facts.failed_work, run.attempts.acts)
    return reconcile(progress, plan, run.task, run.catalog, run.digests, taken, tried)


def _tried(run: RunData) -> dict[StepId, TriedWork]:
    """The steps of the plan whose work has failed and which have not begun again, or will not. Linear."""
    tried = {}
    for planned in () if run.plan is None else run.plan.steps:
        state = run.steps.get(planned.id)
        if state is not None and state.status in _NOT_DONE and run.tries.last(state.work_key) is not None:
            parents = {one: run.keys[one] for one in planned.step.data_parents if one in run.keys}
            tried[planned.id] = TriedWork(planned, state.work_key, parents)
    return tried


def _is_pending(run: RunData, epoch: int) -> bool:
    """Whether the run carries the plan of this epoch out, and nodes of it are pending."""
    if run.plan is None or run.requests.required or epoch != run.epoch:
        return False
    return run.plan.complete and bool(run.plan.pending)


def _give_up(run: RunData, unlikely: frozenset[WorkKey]) -> None:
    """Flush guesses that run and are probably wrong. What has finished costs nothing more and stays."""
    unconfirmed = (run.attempts[attempt] for attempt in list(run.attempts.unconfirmed))
    given_up = [one for one in unconfirmed if one.live and one.work_key in unlikely and not run.is_act(one)]
    for attempt in given_up:
        run.attempts.put(replace(attempt, given_up=True))
        run.outcomes.give_up(attempt)
    flush(run, {attempt.id: Verdict.FLUSH for attempt in given_up})


def take_plan(run: RunData, event: e.OptimalPlanReady) -> None:
    """Accept an optimal plan of the epoch that was asked for last.

    A prefix is of no use to mode wait, nor where the run has a complete plan that it could do with.
    """
    whole_only = run.task.planning.mode is Mode.WAIT or run.requests.optional
    if event.epoch == run.requests.requested and run.replanning and (event.plan.complete or not whole_only):
        run.late.learn(event.times or LearnedTimes())
        accept(run, event.plan, event.epoch)
        give_up_without_inputs(run)


def planning_failed(run: RunData, epoch: int, failure: Failure) -> None:
    """Fail the run, unless it can go on with the plan it has."""
    if epoch != run.requests.requested:
        return
    if run.requests.required:
        fail(run, _with_lost_nodes(run, failure))
    else:
        run.requests.answered()
        run.facts.not_planned()


def _with_lost_nodes(run: RunData, failure: Failure) -> Failure:
    """The failure of planning around lost nodes names them, and the step that was to run there."""
    blocked = [run.steps[step] for step in run.steps.blocked]
    nodes = list(dict.fromkeys(state.node for state in blocked if state.node is not None))
    if not nodes:
        return failure
    what = f"node {', '.join(nodes)} is no longer part of the cluster"
    told = failure.model_copy(update={"message": f"{what}, and there is no plan without it: {failure.message}"})
    step = next(state.step for state in blocked if state.node is not None)
    return told.with_evidence(step=step, node=nodes[0])


def accept(run: RunData, plan: Plan, epoch: int) -> None:
    """Hold an optimal plan against the work under way and carry on from there."""
    leave_out(run, plan)
    see_tries(run, plan)
    run.facts.see(plan, lambda step: _finished_attempt(run, step) is not None)
    tried = _tried(run)
    # What has failed in steps that the plan leaves out has not failed in like steps, which may take their work keys.
    for step in tried if plan.complete else ():
        if step not in plan.by_id and run.steps[step].status in UNBEGUN:
            run.tries.forget(tried[step].key)
    found = _reconciled(run, plan, tried)
    _drop_gone(run, found)
    proposing = _proposing(run, found)
    adopted = {step: run.attempts[attempt] for step, attempt in found.adopted.items()}
    run.outcomes.plan_arrived(plan, run.at_s, adopted)
    run.facts.decomposed(plan.decompositions)
    if plan.complete:
        run.requests.answered()
        run.optimal_plan = plan
        run.optimal_plan_s = run.at_s if run.optimal_plan_s is None else run.optimal_plan_s
        _learn_refusals(run, plan)
    run.plan, run.epoch, run.keys, run.makespan_s = plan, epoch, found.keys, plan.makespan_s
    run.stand_ins = {
        step: attempt.placement
        for step, attempt in adopted.items()
        if attempt.placement.agent != plan.by_id[step].placement.agent
    }
    run.status = c.RunStatus.RUNNING
    flush(run, {attempt: found.verdicts[attempt] for attempt in (*found.flushed, *found.migrated.values())})
    for step, attempt in adopted.items():
        if attempt.id in found.verdicts:
            _confirm(run, attempt, plan.by_id[step], found.verdicts[attempt.id])
    _set_steps(run, plan, found, proposing)
    watch_deadlines(run, plan)
    supersede(run.speculations, plan)
    if plan.complete:
        run.learn(run.outcomes.deferred(run.attempts, decided=True))
        run.unrolls_s = math.inf
        unroll(run)


def _learn_refusals(run: RunData, plan: Plan) -> None:
    """A complete plan decides about what the gate has refused, and no guess at it is acted on any more."""
    run.drop_guesses()
    run.learn(run.outcomes.of_refusals(run.refused.take_decided(plan, run.begun_as_guesses), plan))


def _drop_gone(run: RunData, found: Reconciliation) -> None:
    """Give up guesses at steps that the workflow goes on without, although the plan, asked for before, holds them."""
    for step in [step for step in found.adopted if step in run.facts.gone]:
        attempt = found.adopted.pop(step)
        if (run.attempts[attempt].live or run.attempts[attempt].unconfirmed) and not run.is_act(run.attempts[attempt]):
            found.flushed.append(attempt)
            found.verdicts[attempt] = Verdict.FLUSH


def _proposing(run: RunData, found: Reconciliation) -> set[StepId]:
    """The finished steps that have proposed what this plan does not hold yet."""
    finished = ((step, run.attempts[one]) for step, one in found.adopted.items() if run.attempts[one].finished)
    return {step for step, attempt in finished if awaits_plan(run, step, attempt)}


def unroll(run: RunData) -> None:
    """Ask for the next plan when what a pending node needs has become known: a list, or what a condition reads."""
    if run.plan is None or run.requests.required or run.ending:
        return
    made_by = {step: _finished_attempt(run, step) for step in sorted(run.awaited.due)}
    known = {step: attempt for step, attempt in made_by.items() if attempt is not None}
    if run.requests.add_known(known):
        request_plan(run, c.PlanReason.EXPANDED)


def settle(run: RunData, attempt: Attempt) -> None:
    """A confirmed attempt has finished: its staged output is to be promoted, unless that is out. Learn from it."""
    if run.agent_of(attempt).effect is Effect.STAGEABLE and not is_out(run, attempt):
        run.attempts.put(attempt.as_held(held=True))
        run.held.new[attempt.id] = None
    run.learn(run.outcomes.of(attempt))


def _confirm(run: RunData, attempt: Attempt, planned: PlannedStep, verdict: Verdict) -> None:
    confirmed = attempt.as_confirmed(run.at_s, run.epoch, planned.step, verdict)
    run.attempts.put(confirmed)
    if attempt.speculative and attempt.status is AttemptStatus.DISPATCHED:
        run.commands.append(c.Confirm(attempt=attempt.id))
    delivery.confirm(run, attempt.id)
    if confirmed.finished and attempt.verdict is None:
        run.finished += 1
        settle(run, confirmed)


def _set_steps(run: RunData, plan: Plan, found: Reconciliation, proposing: Collection[StepId]) -> None:
    adopted = {step: run.attempts[attempt] for step, attempt in found.adopted.items()}
    before, undecided, run.failing = run.steps, run.fan_outs.ended, {}
    run.steps = StepTable.of(plan, found.keys, adopted, run.at_s, before, gone=run.facts.gone, proposing=proposing)
    skip_flushed(run)
    run.awaited = AwaitedOutputs(plan.pending, lambda step: _finished_s(run, step))
    fresh = (at_s for step, at_s in run.awaited.due.items() if step not in run.requests.known_from)
    run.unrolls_s = min(fresh, default=math.inf) if plan.complete else math.inf
    run.facts.changes += [StepChange(frozenset({step}), skips=False) for step in proposing]
    run.undecided = UndecidedSteps(plan, run.facts.changes)
    run.note_begun()
    run.held.look_again()
    statuses = run.steps.statuses if plan.fan_outs else {}
    # What ran ahead of steps that it follows does not count before these: if one of them fails, it may be skipped.
    going_on = (*run.steps.awaited.early, *proposing, *going_on_in_elements(run, before))
    statuses.update({step: StepStatus.RUNNING for step in going_on if step in statuses})
    finished = [step for step, status in statuses.items() if status is StepStatus.FINISHED]
    ended = [step for step in finished if step in undecided or _is_new(before.get(step), adopted.get(step))]
    resolved = ended_by_plan(run, plan, statuses)
    statuses.update(dict.fromkeys(ended, StepStatus.RUNNING))  # until they are counted, in their order
    run.fan_outs = FanOuts(plan, statuses, run.facts.failures, run.facts.kept, resolved)
    run.steps.moved = run.fan_outs.moved if plan.fan_outs else None
    count_ends(run, plan, Ends(ended, resolved, list(_place_anew(run, plan, found))))


def _is_new(before: StepState | None, finished: Attempt | None) -> bool:
    """Whether finished work had not finished for the plan before, nor for an earlier task."""
    known = before is not None and before.status is StepStatus.FINISHED
    return finished is not None and not finished.kept and not known


def _place_anew(run: RunData, plan: Plan, found: Reconciliation) -> Iterator[StepId]:
    """Block the missing steps whose agent or node is gone; yields those of the others whose work has failed."""
    for step in found.missing:
        if step in run.facts.gone or run.steps[step].status is StepStatus.SKIPPED:
            continue
        placement, requests = plan.by_id[step].placement, run.requests
        if placement.agent in requests.excluded(step):
            run.steps.block(step, run.at_s, c.PlanReason.AGENT_FAILED, agent=placement.agent)
        elif placement.node in requests.without_nodes:
            run.steps.block(step, run.at_s, c.PlanReason.NODE_LOST, node=placement.node)
        elif run.tries.last(found.keys[step]) is not None:
            yield step


def _finished_s(run: RunData, step: StepId) -> float | None:
    """From when on a step counts that has finished, as has all that it follows."""
    attempt = None if step in run.steps.awaited.early else _finished_attempt(run, step)
    return None if attempt is None else max(run.attempts[attempt].counts_s, run.steps.counted_s.get(step, 0.0))


def _finished_attempt(run: RunData, step: StepId) -> AttemptId | None:
    state = run.steps.get(step)
    finished = state is not None and state.attempt is not None and run.attempts[state.attempt].finished
    return state.attempt if state is not None and finished else None
