"""The latest decompositions by task: a later epoch schedules the same steps again and asks no LLM."""

from collections import OrderedDict
from collections.abc import Mapping

from planners.decompositions import Decomposition, digest_of, steps_known
from planners.model import StepId, canonical_json, digest
from planners.optimal.decompose.growing_workflow import GrowingWorkflow, begun
from planners.optimal.decompose.partial_workflow import PartialWorkflow
from planners.plans import PlanKind
from planners.requests import PlanRequest
from planners.workflow import Step

_Steps = Mapping[StepId, tuple[Step, ...]]


class DecompositionCache:
    """The steps of at most ``size`` finished decompositions; the oldest are dropped. Inputs of tasks are not kept."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._steps: OrderedDict[str, _Steps] = OrderedDict()

    def put(self, request: PlanRequest, workflow: GrowingWorkflow) -> None:
        """Keep the goals of a workflow that are decomposed."""
        decomposed = {owner: part for owner, part in workflow.parts.items() if part.goals and part.complete}
        task_key = _task_key(request) if decomposed else ""
        for owner, part in decomposed.items():
            self._steps[_key(task_key, owner, request)] = part.steps_by_goal
        while len(self._steps) > self._size:
            self._steps.popitem(last=False)

    @staticmethod
    def fresh(request: PlanRequest, workflow: GrowingWorkflow) -> tuple[Decomposition, ...]:
        """The goals of a workflow that are decomposed and of which the request does not know."""
        known, proposals = request.facts.decompositions, request.facts.proposals
        return tuple(
            Decomposition(owner=owner, proposal=digest_of(proposals.get(owner)), steps=part.steps_by_goal)
            for owner, part in workflow.parts.items()
            if part.goals and part.complete and steps_known(known, owner, proposals.get(owner)) is None
        )

    def begin(self, request: PlanRequest) -> GrowingWorkflow:
        """The workflow of a task with what is known of it from earlier epochs."""
        task_key = _task_key(request) if request.epoch > 1 else ""
        whole = self._earlier(request, task_key) or PartialWorkflow(request.task)
        proposals: dict[StepId, PartialWorkflow] = {}
        for owner, proposal in request.facts.proposals.items():
            if proposal.has_goals:
                part = proposals[owner] = begun(proposal)
                steps = steps_known(request.facts.decompositions, owner, proposal)
                steps = self._steps.get(_key(task_key, owner, request)) if steps is None else steps
                if steps is not None:
                    part.restore(steps)
        return GrowingWorkflow(whole, request.facts, proposals)

    def _earlier(self, request: PlanRequest, task_key: str) -> PartialWorkflow | None:
        """The decomposition of an earlier epoch of this task, which the run, the cache or a plan in the hint knows."""
        if request.epoch <= 1:
            return None
        if (known := steps_known(request.facts.decompositions, StepId(""), None)) is not None:
            return PartialWorkflow(request.task).restore(known)
        if _is_of_goal(request) and request.hint is not None:
            return PartialWorkflow.of_plan(request.task, request.hint)
        steps = self._steps.get(task_key)
        return None if steps is None else PartialWorkflow(request.task).restore(steps)


def _is_of_goal(request: PlanRequest) -> bool:
    """Whether the hint is a plan of the task's goal and holds nothing that was proposed later."""
    hint = request.hint
    if request.task.goal is None or hint is None or hint.kind is not PlanKind.OPTIMAL or not hint.complete:
        return False
    owners = tuple(f"{owner}/" for owner in request.facts.proposals)
    return not owners or not any(planned.id.startswith(owners) for planned in hint.steps)


def _task_key(request: PlanRequest) -> str:
    return digest(canonical_json(request.task.model_dump(mode="json", exclude={"name"})))


def _key(task_key: str, owner: StepId, request: PlanRequest) -> str:
    """The key of the task's own workflow (no owner), or of what a step of the task has proposed."""
    if not owner:
        return task_key
    return digest(task_key, owner, canonical_json(request.facts.proposals[owner].model_dump(mode="json")))
