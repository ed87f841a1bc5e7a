"""The outputs that a task returns."""

from planners.bindings import Binding, Gather, step_refs
from planners.model import StepId
from reconciler.state.run_data import RunData
from reconciler.state.step_state import StepStatus


def outputs_there(run: RunData) -> dict[str, Binding]:
    """The outputs of the plan; of one that was stopped, those that are there."""
    assert run.plan is not None
    if not run.limits.stopped:
        return run.plan.outputs
    found = {name: _there(run, binding) for name, binding in run.plan.outputs.items()}
    return {name: binding for name, binding in found.items() if binding is not None}


def _there(run: RunData, binding: Binding) -> Binding | None:
    if isinstance(binding, Gather):
        parts = [part for one in binding.gather if (part := _there(run, one)) is not None]
        return Gather(gather=tuple(parts)) if parts or not binding.gather else None
    finished = (_has_finished(run, ref.step) for ref in step_refs(binding))
    return binding if all(finished) else None


def _has_finished(run: RunData, step: StepId) -> bool:
    state = run.steps.get(step)
    return state is not None and state.status is StepStatus.FINISHED
