"""Which finished work has to be done again because its output is gone."""

from collections.abc import Collection

from planners.bindings import SPOKEN, step_refs
from planners.model import AttemptId, StepId
from planners.plans import Plan
from reconciler.state.step_state import StepStatus
from reconciler.state.step_table import StepTable


def steps_to_redo(
    plan: Plan,
    steps: StepTable,
    gone: Collection[AttemptId],
    closed: Collection[StepId] = (),
    known: Collection[StepId] = (),
) -> list[StepId]:
    """The finished steps whose lost output is still to be read, in plan order. Linear in steps and edges.

    An output is still to be read if the task returns it, if a step that reads it has not finished or is itself to be
    done again, or if part of the workflow is not unrolled yet and might read it. What is not unrolled yet reads nothing
    of the steps that are ``closed``. A plan that is being made reads those that are ``known``. What a handoff says
    besides the output is in the journal.
    """
    open_ended = bool(plan.pending) or not plan.complete
    returned = (ref for output in plan.outputs.values() for ref in step_refs(output))
    wanted = {ref.step for ref in returned if ref.path[:1] not in SPOKEN}.union(known)
    redone = []
    for planned in reversed(plan.steps):
        state = steps[planned.id]
        finished = state.status is StepStatus.FINISHED
        needed = planned.id in wanted or (open_ended and planned.id not in closed)
        redo = finished and state.attempt in gone and needed
        if redo:
            redone.append(planned.id)
        if redo or not finished:
            wanted.update(planned.step.output_parents)
    return redone[::-1]
