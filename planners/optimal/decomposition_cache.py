"""The latest decompositions by task: a later epoch schedules the same steps again and asks no LLM."""

from collections import OrderedDict

from planners.model import canonical_json, digest
from planners.optimal.decompose.partial_workflow import PartialWorkflow
from planners.plans import PlanKind
from planners.requests import PlanRequest


class DecompositionCache:
    """At most ``size`` finished decompositions; the oldest are dropped."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._workflows: OrderedDict[str, PartialWorkflow] = OrderedDict()

    def put(self, request: PlanRequest, workflow: PartialWorkflow) -> None:
        """Keep a finished decomposition."""
        if workflow.goals:
            self._workflows[_key(request)] = workflow
            while len(self._workflows) > self._size:
                self._workflows.popitem(last=False)

    def get(self, request: PlanRequest) -> PartialWorkflow | None:
        """The decomposition of an earlier epoch of this task: from an optimal plan in the hint, else from the cache."""
        if request.epoch <= 1:
            return None
        hint = request.hint
        if request.task.goal is not None and hint is not None and hint.kind is PlanKind.OPTIMAL and hint.complete:
            return PartialWorkflow.of_plan(request.task, hint)
        return self._workflows.get(_key(request))


def _key(request: PlanRequest) -> str:
    return digest(canonical_json(request.task.model_dump(mode="json", exclude={"name"})))
