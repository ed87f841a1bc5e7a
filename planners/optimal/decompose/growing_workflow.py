"""The workflow of a task and what its agents have proposed, while the goals in both are decomposed."""

from collections.abc import Iterator

from planners.bindings import StepRef, step_refs
from planners.facts import Facts
from planners.model import StepId
from planners.optimal.decompose.goals import GoalText
from planners.optimal.decompose.partial_workflow import PartialWorkflow
from planners.proposals import OUTPUT, Proposal
from planners.tasks import Task
from planners.workflow import Step, Workflow

# Stands for the workflow of the task among the steps that propose.
_TASK = StepId("")


class GrowingWorkflow:
    """Several workflows that are decomposed side by side: that of the task, and a proposal with goals each.

    A goal inside a proposal is known by the step that proposed and its own id (``plan/goal``).
    """

    def __init__(self, whole: PartialWorkflow, facts: Facts, proposals: dict[StepId, PartialWorkflow]) -> None:
        self._whole = whole
        self._facts = facts
        self.parts = {_TASK: whole, **proposals}
        self._goals = {
            StepId(f"{owner}/{goal}" if owner else goal): (part, goal)
            for owner, part in self.parts.items()
            for goal in part.goals
        }

    @property
    def goals(self) -> Iterator[StepId]:
        """Those that are not decomposed yet."""
        return (name for name, (part, goal) in self._goals.items() if goal in part.open_goals)

    @property
    def complete(self) -> bool:
        """Whether no goal is open."""
        return all(part.complete for part in self.parts.values())

    def text(self, goal: StepId) -> GoalText:
        """See `PartialWorkflow.text`."""
        part, inner = self._goals[goal]
        return part.text(inner)

    def confirm(self, goal: StepId, step: Step) -> None:
        """See `PartialWorkflow.confirm`."""
        part, inner = self._goals[goal]
        part.confirm(inner, step)

    def close(self, goal: StepId) -> None:
        """See `PartialWorkflow.close`."""
        part, inner = self._goals[goal]
        part.close(inner)

    def workflow(self) -> Workflow:
        """The workflow of the task as known so far."""
        return self._whole.workflow()

    @property
    def facts(self) -> Facts:
        """The facts, with the steps of the goals in proposals as far as they are known."""
        filled = {owner: _filled(self._facts.proposals[owner], part) for owner, part in self.parts.items() if owner}
        return (
            self._facts.model_copy(update={"proposals": {**self._facts.proposals, **filled}}) if filled else self._facts
        )


def begun(proposal: Proposal) -> PartialWorkflow:
    """A proposal none of whose goals is decomposed yet."""
    output = StepRef(step=proposal.branch.output_step)
    workflow = Workflow(steps=proposal.steps, outputs={OUTPUT: output})
    return PartialWorkflow(Task(workflow=workflow, inputs=proposal.inputs), workflow)


def _filled(proposal: Proposal, part: PartialWorkflow) -> Proposal:
    workflow = part.workflow()
    (output,) = step_refs(workflow.outputs[OUTPUT])
    return proposal.model_copy(update={"steps": workflow.steps, "output": output.step})
