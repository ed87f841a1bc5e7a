"""The latest decompositions by task: a later epoch schedules the same steps again and asks no LLM."""

from collections import OrderedDict

from planners.model import StepId, canonical_json, digest
from planners.optimal.decompose.partial_workflow import PartialWorkflow
from planners.plans import PlanKind
from planners.requests import PlanRequest
from planners.workflow import Step


class DecompositionCache:
    """The steps of at most ``size`` finished decompositions; the oldest are dropped. Inputs of tasks are not kept."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._steps: OrderedDict[str, dict[StepId, tuple[Step, ...]]] = OrderedDict()

    def put(self, request: PlanRequest, workflow: PartialWorkflow) -> None:
        """Keep a finished decomposition."""
        if workflow.goals:
            self._steps[_key(request)] = workflow.steps_by_goal
            while len(self._steps) > self._size:
                self._steps.popitem(last=False)

    def get(self, request: PlanRequest) -> PartialWorkflow | None:
        """The decomposition of an earlier epoch of this task: from an optimal plan in the hint, else from the cache."""
        if request.epoch <= 1:
            return None
        hint = request.hint
        if request.task.goal is not None and hint is not None and hint.kind is PlanKind.OPTIMAL and hint.complete:
            return PartialWorkflow.of_plan(request.task, hint)
        steps = self._steps.get(_key(request))
        return None if steps is None else PartialWorkflow.of_steps(request.task, steps)


def _key(request: PlanRequest) -> str:
    return digest(canonical_json(request.task.model_dump(mode="json", exclude={"name"})))
