"""The steps that undo what a task has done, and the workflow that they form."""

from collections.abc import Sequence

from planners.facts import Facts
from planners.model import StepId
from planners.steps import Step
from planners.workflow import FlatWorkflow

PREFIX = "undo:"


def undo_step(step: Step, after: Sequence[StepId] = ()) -> Step:
    """The step that undoes another one, behind others. It is the work of no cache: it has to be done."""
    compensate = step.compensate
    assert compensate is not None, "only steps with a compensation are undone"
    return Step.model_construct(
        id=StepId(PREFIX + step.id),
        title=f"undo {step.title or step.id}",
        capability=compensate.capability,
        agent=compensate.agent,
        inputs=compensate.inputs,
        after=tuple(after),
        timeout_s=compensate.timeout_s,
        retry=compensate.retry,
        cache=False,
    )


def is_undo(step: StepId) -> bool:
    """Whether a step undoes another one."""
    return step.startswith(PREFIX)


def undo_workflow(facts: Facts) -> FlatWorkflow:
    """The finished steps that are still read, and the steps that undo what the task has done."""
    return FlatWorkflow(
        steps=(*(one.step for one in facts.finished.values()), *facts.undo),
        finished={step: one.work_key for step, one in facts.finished.items()},
    )
