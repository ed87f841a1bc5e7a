"""Work that has failed and is to be done again: a plan that numbers like steps anew must not mistake it for others."""

from collections.abc import Mapping
from dataclasses import dataclass

from planners.model import StepId, WorkKey
from planners.plans import PlannedStep
from planners.workflow import Step


@dataclass(frozen=True, slots=True)
class TriedWork:
    """Such work: the step as the plan before held it, the key of its work, and those of its data parents."""

    planned: PlannedStep
    key: WorkKey
    parents: Mapping[StepId, WorkKey]

    def is_of(self, planned: PlannedStep, keys: Mapping[StepId, WorkKey]) -> bool:
        """Whether a step has to do just this work, given the keys of the steps before it."""
        if planned.placement.agent != self.planned.placement.agent or not same_step(planned.step, self.planned.step):
            return False
        return all(keys.get(parent) == self.parents.get(parent) for parent in planned.step.data_parents)


def same_step(one: Step, other: Step) -> bool:
    """Whether both are the same piece of the workflow."""
    return one.id == other.id and one.capability == other.capability and one.inputs == other.inputs
