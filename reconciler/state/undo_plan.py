"""What the plan of an undoing is made of: the steps that undo, and the finished steps that they read."""

from planners.bindings import Value
from planners.compensation import PREFIX
from planners.facts import FinishedStep
from planners.model import AttemptId, StepId
from reconciler.state.attempts import Attempt
from reconciler.state.run_data import RunData
from reconciler.state.step_state import StepStatus

NOT_BEGUN = frozenset({StepStatus.WAITING, StepStatus.READY, StepStatus.HELD, StepStatus.RETRYING, StepStatus.BLOCKED})


def prepare(run: RunData) -> None:
    """Before such a plan is asked for: it holds nothing of the plan before but what it needs."""
    assert run.undoing is not None
    due = run.undoing.due(run.attempts.values(), run.steps)
    read = {one.step.id: one for _, _, parents in due for one in parents}
    facts = run.facts
    facts.undo = tuple(step for _, step, _ in due)
    facts.finished = {step: alone(attempt) for step, attempt in read.items()}
    facts.loops, facts.repeats = {}, {}
    facts.gone.difference_update(read)  # it is read again, whether or not its element was dropped meanwhile
    run.requests.forget(list(run.requests.known_from))
    if run.plan is not None:
        run.history.close(run.plan)
    needed = {*read, *(step.id for step in facts.undo)}
    ended = [step for step in run.steps if step not in needed]
    run.steps.retire(ended)
    run.attempts.retire(frozenset(ended))
    run.steps.recall(read)
    run.attempts.recall(attempt.id for attempt in read.values())
    for attempt in read.values():
        if not attempt.settled:
            run.attempts.put(attempt.as_kept())


def lose_inputs(run: RunData, gone: set[AttemptId]) -> None:
    """Outputs are lost: what would undo with them, and has not begun, has failed."""
    undoing = run.undoing
    assert undoing is not None
    undoing.lost |= gone
    give_up_without_inputs(run)


def give_up_without_inputs(run: RunData) -> None:
    """What would undo with a lost output, and has not begun, has failed. A plan asked for before may still hold it."""
    undoing = run.undoing
    if undoing is None or not undoing.lost:
        return
    for step in undoing.made:
        state = run.steps.get(step)
        if run.plan is None or step not in run.plan.by_id or state is None or state.status not in NOT_BEGUN:
            continue
        served = (run.steps.get(parent) for parent in run.plan.by_id[step].step.data_parents)
        if any(one is not None and one.attempt in undoing.lost for one in served):
            give_up_undoing(run, step, "an output that it reads was lost")


def give_up_undoing(run: RunData, step: StepId, told: str) -> None:
    """A step that undoes has failed for good; the others go on."""
    assert run.undoing is not None
    run.undoing.failed[step] = told
    run.steps.fail(step, run.at_s, told)
    run.facts.give_up(step, f"'{step.removeprefix(PREFIX)}' is not undone: {told}")


def alone(attempt: Attempt) -> FinishedStep:
    """The step of a finished attempt without what it read: its output only is read."""
    inputs = {name: Value(value=None) for name in attempt.step.inputs}
    alone = attempt.step.model_copy(update={"inputs": inputs, "after": (), "compensate": None})
    return FinishedStep(step=alone, work_key=attempt.work_key)
