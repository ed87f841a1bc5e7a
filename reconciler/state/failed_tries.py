"""A `try` that has failed undoes what its steps have done before its fallback begins: the last success first.

The compensations are steps of the plan that holds the fallback. One that fails for good is given up, and the others go
on. What a task that fails later undoes leaves out what is undone already.
"""

from collections.abc import Iterator, Mapping, Sequence

from planners.compensation import undo_step
from planners.model import AttemptId, StepId
from planners.plans import Plan
from planners.policies import OnFailure
from planners.workflow import Step
from reconciler.state.attempts import Attempt
from reconciler.state.run_data import RunData
from reconciler.state.step_state import StepStatus
from reconciler.state.undo_plan import NOT_BEGUN, alone
from reconciler.state.undoing import took_effect_s

_LOST = "an output that it reads was lost"


def see_tries(run: RunData, plan: Plan) -> None:
    """A plan was accepted: note the steps of each `try`."""
    for spec in plan.fan_outs:
        if spec.on_failure is OnFailure.ROUTE:
            run.facts.tries.setdefault(spec.id, set()).update(step for steps in spec.elements for step in steps)


def ended_in_failed_try(run: RunData, done: Attempt) -> None:
    """A step has finished; one whose `try` has failed meanwhile is undone, too."""
    if done.step.compensate is None:
        return
    if any(done.step.id in run.facts.tries.get(name, ()) for name in run.facts.failed_tries):
        run.facts.ask(run.counts_s)


def prepare_reverts(run: RunData) -> None:
    """Before a plan is asked for: note what it has to undo."""
    facts = run.facts
    if not facts.failed_tries:
        return
    done = {one.step.id: one for one in run.attempts.values() if one.took_effect}
    names = list(facts.failed_tries)
    for number, name in enumerate(names):
        # What is undone of a `try` inside is undone before the fallback of the one around begins.
        inside = [one for one in names[:number] if facts.tries.get(one, set()) <= facts.tries.get(name, set())]
        moved = [step for one in inside for step in facts.reverts.pop(one, ())]
        facts.reverts[name] = (*facts.reverts.get(name, ()), *moved, *_new(run, name, done, moved))
    for step in (step for steps in facts.reverts.values() for step in steps):
        for parent in step.data_parents:
            if parent in done:
                _read_again(run, done[parent])
            elif step.id not in facts.given_up:
                facts.give_up(step.id, f"step '{step.id}' cannot run: {_LOST}")


def lose_what_is_reverted(run: RunData, gone: set[AttemptId]) -> None:
    """Outputs are lost: no step of a failed `try` is done again for its compensation, which is given up.

    One that has begun goes on: it may have read its input.
    """
    for step in (step for steps in run.facts.reverts.values() for step in steps):
        state = run.steps.get(step.id)
        if state is None or state.status in (StepStatus.FINISHED, StepStatus.FAILED, StepStatus.SKIPPED):
            continue
        served = (run.steps.get(parent) for parent in step.data_parents if parent in run.facts.reverted)
        if lost := {one.attempt for one in served if one is not None and one.attempt in gone}:
            gone.difference_update(one for one in lost if one is not None)
            if state.status not in NOT_BEGUN:
                continue
            run.steps.fail(step.id, run.at_s, _LOST)
            run.facts.give_up(step.id, f"step '{step.id}' cannot run: {_LOST}")
            run.facts.ask(run.counts_s)


def _read_again(run: RunData, attempt: Attempt) -> None:
    """A compensation reads its output, although no step of the plan may have a use for it."""
    run.facts.reverted[attempt.step.id] = alone(attempt)
    run.facts.gone.discard(attempt.step.id)
    run.steps.recall([attempt.step.id])
    run.attempts.recall([attempt.id])
    if not attempt.settled:
        run.attempts.put(attempt.as_kept())


def _new(run: RunData, name: StepId, done: Mapping[StepId, Attempt], moved: Sequence[Step]) -> Iterator[Step]:
    """The steps that undo what was done since the last plan, the last success first."""
    known = {step.id for steps in (*run.facts.reverts.values(), moved) for step in steps}
    members = [done[step] for step in run.facts.tries.get(name, ()) if step in done]
    undoable = sorted((one for one in members if one.step.compensate is not None), key=took_effect_s)
    for attempt in reversed(undoable):
        step = undo_step(attempt.step)
        if step.id not in known:
            yield step.model_copy(update={"on_failure": OnFailure.SKIP})
