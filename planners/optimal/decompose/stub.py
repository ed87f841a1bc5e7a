"""A decomposer with prepared answers: for tests, and for running known goals without an LLM."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence

from planners.agents import Catalog
from planners.errors import DecomposeFailed
from planners.optimal.decompose.goals import GoalText
from planners.workflow import Step


class StubDecomposer:
    """Yields the prepared steps of a goal, one by one.

    With a ``gate``, each step waits for one release of it, so a test decides when it streams. ``fails_after``: raise
    once that many steps have been yielded. ``asked`` and ``closed`` record how the stub was used.
    """

    def __init__(
        self,
        answers: Mapping[str, Sequence[Step]],
        *,
        gate: asyncio.Semaphore | None = None,
        fails_after: int | None = None,
    ) -> None:
        self._answers = answers
        self._gate = gate
        self._fails_after = fails_after
        self.asked: list[GoalText] = []
        self.closed = 0

    async def steps(self, goal: GoalText, catalog: Catalog) -> AsyncGenerator[Step, None]:
        """The prepared steps.

        Raises:
            DecomposeFailed: nothing is prepared for this goal, or the stub was told to fail.
        """
        self.asked.append(goal)
        if goal.text not in self._answers:
            raise DecomposeFailed("the stub has no answer to this goal", "goal")
        try:
            for index, step in enumerate(self._answers[goal.text]):
                if index == self._fails_after:
                    raise DecomposeFailed("the stub was told to fail here", "goal")
                if self._gate is not None:
                    await self._gate.acquire()
                yield step
        finally:
            self.closed += 1
