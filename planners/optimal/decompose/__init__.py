"""Decomposers: from a goal in plain words to steps.

Here: the protocol, the LLM decomposer with its prompt, schema and validation, a stub, and the workflow whose goals are
being filled in. The LLM's module is imported by name where one is configured, so that the others need no extra.
"""

from planners.optimal.decompose.goals import Decomposer, GoalText
from planners.optimal.decompose.stub import StubDecomposer

__all__ = ["Decomposer", "GoalText", "StubDecomposer"]
