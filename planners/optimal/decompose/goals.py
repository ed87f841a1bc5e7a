"""The protocol of decomposers: the goal they are given, and the steps they yield."""

from collections.abc import AsyncGenerator
from typing import Protocol

from pydantic import Field, JsonValue

from planners.agents import Catalog
from planners.model import Versioned
from planners.workflow import Step


class GoalText(Versioned):
    """A goal in plain words and what its steps may read.

    ``inputs`` are the values known now, ``later`` the names of inputs that other steps will produce. Steps refer to
    both as ``$inputs.NAME``. An LLM decomposer sees the kinds of the values, not the values.
    """

    text: str = Field(min_length=1)
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    later: tuple[str, ...] = ()


class Decomposer(Protocol):
    """Decomposes a goal into steps."""

    def steps(self, goal: GoalText, catalog: Catalog) -> AsyncGenerator[Step, None]:
        """Steps in topological order, each valid and final when it is yielded. Closing the iterator stops the work.

        Ids and bindings are canonical (`planners.canonical`), so equal work reads equal whoever wrote it.

        Raises:
            DecomposeFailed: there will be no more steps; those already yielded remain valid.
        """
        ...
