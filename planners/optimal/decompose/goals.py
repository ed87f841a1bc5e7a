"""What a decomposer is asked and what it answers."""

from collections.abc import AsyncGenerator
from typing import Protocol

from pydantic import Field, JsonValue

from planners.agents import Catalog
from planners.model import Versioned
from planners.workflow import Step


class GoalText(Versioned):
    """A goal in plain words and what it may read.

    ``inputs`` are the values known now, ``later`` the names of inputs that other steps will make. Steps refer to both
    as ``$inputs.NAME``; a decomposer need not, and an LLM does not, see the values.
    """

    text: str = Field(min_length=1)
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    later: tuple[str, ...] = ()


class Decomposer(Protocol):
    """Makes steps of a goal."""

    def steps(self, goal: GoalText, catalog: Catalog) -> AsyncGenerator[Step, None]:
        """Steps in topological order, each valid and final when it is yielded. Closing the iterator stops the work.

        Ids and bindings are canonical (`planners.canonical`): equal work reads equal, whoever wrote it.

        Raises:
            DecomposeFailed: there will be no more steps; those already yielded stand.
        """
        ...
