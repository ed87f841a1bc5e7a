"""Turning a goal in plain words into steps: who does it is a variant, a stub among them.

The LLM's module is imported by name where one is configured, so that the others need no extra.
"""

from planners.optimal.decompose.goals import Decomposer, GoalText
from planners.optimal.decompose.stub import StubDecomposer

__all__ = ["Decomposer", "GoalText", "StubDecomposer"]
