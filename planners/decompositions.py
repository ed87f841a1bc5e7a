"""Goals that an LLM has decomposed, as a plan tells the run: it keeps them, so that no goal is decomposed twice.

Another decomposition of the same goal may differ, and work that has finished would be lost.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field, model_validator

from planners.model import StepId, Versioned, canonical_json, digest
from planners.proposals import Proposal
from planners.steps import Step
from planners.stored_nodes import unwrapped_nodes


class Decomposition(Versioned):
    """The steps of the goals of one workflow: that of the task, or what a step has proposed."""

    owner: StepId = Field(description="The step that has proposed the goals; empty for those of the task")
    proposal: str = Field(default="", description="A digest of the proposal")
    steps: dict[StepId, tuple[Step, ...]] = Field(description="Goal -> its steps")

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, raw: Any) -> Any:
        steps = raw.get("steps") if isinstance(raw, dict) and "v" in raw else None
        if not isinstance(steps, dict):
            return raw
        return raw | {"steps": {goal: unwrapped_nodes(nodes) for goal, nodes in steps.items()}}


def digest_of(proposal: Proposal | None) -> str:
    """A digest of what a step has proposed; empty for the goals of the task itself."""
    return "" if proposal is None else digest(canonical_json(proposal.model_dump(mode="json")))


def steps_known(
    known: Iterable[Decomposition], owner: StepId, proposal: Proposal | None
) -> Mapping[StepId, tuple[Step, ...]] | None:
    """The steps of the goals of a workflow, if they are known. What another proposal became is of no use."""
    told = digest_of(proposal)
    return next((one.steps for one in known if one.owner == owner and one.proposal == told), None)
