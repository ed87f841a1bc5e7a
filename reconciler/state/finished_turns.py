"""Finished turns of loops leave the plan: the next one resumes the loops behind them.

A turn can be left out once another one follows and all of its steps have finished. What the loop goes on with is given
to the planner: its state, and the finished steps that the state reads, each with its work key. If the output of such a
step is lost, the plan becomes whole again, because making the output again may need the steps before it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain

from planners.bindings import Value, step_refs
from planners.facts import FinishedStep
from planners.model import StepId, WorkKey
from planners.occurrences import with_number
from planners.plans import Plan, PlannedStep
from planners.work_keys import work_key
from planners.workflow import LoopTurn
from reconciler.state.history import History
from reconciler.state.run_data import RunData
from reconciler.state.undecided_steps import UndecidedSteps

# Like steps that may stand before a step and behind those of finished turns.
_MOST_BETWEEN = 1_000


def resume_loops(run: RunData) -> None:
    """Before a plan is asked for: note the turns that it need not hold."""
    plan = run.plan
    if plan is None or not plan.loops or run.facts.count != run.facts.planned:
        return
    turns = list(_finished(run, plan))
    if not turns:
        return
    first = {planned.id: _first_key(run, plan, planned) for planned in plan.steps if planned.id not in run.history.due}
    for turn in turns:
        run.history.add(turn, plan)
        run.facts.resume(turn)
    run.facts.finished = dict(_still_read(run))
    _note_numbers(run, plan, first, {step for turn in turns for step in turn.steps})
    run.requests.forget(run.history.due.keys() - run.facts.finished.keys())


def _finished(run: RunData, plan: Plan) -> Iterator[LoopTurn]:
    """The first turns of each loop, as far as they have finished."""
    following = {loop: resumed.turn for loop, resumed in run.facts.loops.items()}
    for turn in plan.loops:
        is_next = turn.turn == following.get(turn.loop, 0)
        if is_next and all(map(run.steps.counts, turn.steps)):
            following[turn.loop] = turn.turn + 1
            yield turn


def _note_numbers(run: RunData, plan: Plan, first: Mapping[StepId, WorkKey], finished: Collection[StepId]) -> None:
    """Note the numbers of work in finished turns that the next plan holds again: no other step gets them.

    Args:
        run: with the facts for the next plan.
        plan: the plan that counts.
        first: step -> the key of the first step with like work, of steps that were not left out before.
        finished: those of them that are left out now.
    """
    facts = run.facts
    facts.pinned = {step: key for step, key in {**facts.pinned, **first}.items() if step in facts.finished}
    still = {key for step, key in first.items() if step not in finished}.union(facts.pinned.values())
    for planned in plan.steps:
        if planned.id in finished and (key := first.get(planned.id)) in still and key is not None:
            taken = facts.repeats.get(key, ())
            number = _number(run, plan, planned, key, taken[-1][1] if taken else 0)
            facts.repeats[key] = with_number(taken, number)
    facts.repeats = {key: numbers for key, numbers in facts.repeats.items() if key in still}


def _number(run: RunData, plan: Plan, planned: PlannedStep, first: WorkKey, guess: int) -> int:
    """The number of a step among like ones, given the key of the first; mostly it is that guess, or little more."""
    if planned.work_key == first:
        return 0
    numbers = chain(range(guess, guess + _MOST_BETWEEN), range(1, guess))
    parents = _parent_keys(plan, planned)
    identity = run.catalog.by_name[planned.placement.agent].identity
    keys = ((number, work_key(planned.step, identity, parents, run.digests, number)) for number in numbers)
    return next((number for number, key in keys if key == planned.work_key), guess)


def _parent_keys(plan: Plan, planned: PlannedStep) -> dict[StepId, WorkKey]:
    return {parent: plan.by_id[parent].work_key for parent in planned.step.data_parents if parent in plan.by_id}


def _first_key(run: RunData, plan: Plan, planned: PlannedStep) -> WorkKey:
    """The work key that the step would have without like steps before it."""
    parents = _parent_keys(plan, planned)
    if len(parents) < len(planned.step.data_parents):
        return planned.work_key
    return work_key(planned.step, run.catalog.by_name[planned.placement.agent].identity, parents, run.digests)


def _still_read(run: RunData) -> Iterator[tuple[StepId, FinishedStep]]:
    """The steps of finished turns that the resumed loops read."""
    bindings = (
        binding
        for resumed in run.facts.loops.values()
        for binding in (
            *resumed.state.values(),
            *resumed.context.values(),
            *(() if resumed.output is None else (resumed.output,)),
        )
    )
    for step in dict.fromkeys(ref.step for binding in bindings for ref in step_refs(binding)):
        if (planned := run.history.steps.get(step)) is not None:
            inputs = {name: Value(value=None) for name in planned.step.inputs}
            alone = planned.step.model_copy(update={"inputs": inputs, "after": ()})
            yield step, FinishedStep(step=alone, work_key=run.attempts[run.steps.attempt_of(step)].work_key)


def leave_out(run: RunData, plan: Plan) -> None:
    """A new plan is accepted: take the steps that it leaves out from what is matched with it."""
    run.facts.accepted()
    if gone := run.history.replace(run.plan, plan):
        run.steps.retire(gone)
        run.attempts.retire(frozenset(gone))


def whole_again(run: RunData, lost: Iterable[StepId]) -> bool:
    """Put everything that was left out back, if one of these steps was finished before; whether that is so."""
    if run.plan is None or all(step not in run.history.steps for step in lost):
        return False
    steps = run.history.steps
    left_out = [one for one in steps.values() if not _holds(run.plan, one)]
    run.plan = run.history.whole(run.plan)
    if run.optimal_plan is not None:
        run.optimal_plan = run.history.whole(run.optimal_plan)
    run.undecided = UndecidedSteps(run.plan, run.facts.changes)
    run.held.look_again()
    run.history = History()
    run.steps.restore(left_out)
    run.attempts.restore()
    run.facts.start_over()
    run.requests.recall()
    for step, planned in steps.items():
        attempt = run.attempts[run.steps.attempt_of(step)]
        run.keys[step] = attempt.work_key
        if attempt.placement.agent != planned.placement.agent:
            run.stand_ins[step] = attempt.placement
    return True


def _holds(plan: Plan, planned: PlannedStep) -> bool:
    """Whether a plan holds a step together with its parents."""
    held = plan.by_id.get(planned.id)
    return held is not None and held.step.parents == planned.step.parents
