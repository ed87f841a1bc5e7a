"""Questions of a run that are answered beside it: about acts in doubt, and about the conditions of fan-outs."""

import asyncio
from collections.abc import Callable, Iterable

from planners.model import TaskId
from reconciler.runtime.ports import Executor
from reconciler.runtime.quorum_evaluation import quorum_evaluation
from reconciler.runtime.verification import verification
from reconciler.state import commands as c
from reconciler.state import events as e


class Questions:
    """Asks each question in an asyncio task of its own, and posts the answers. Lives on one event loop."""

    def __init__(self, executor: Executor, task: TaskId, post: Callable[[e.Event], None]) -> None:
        self._executor = executor
        self._task = task
        self._post = post
        self._asking: set[asyncio.Task[None]] = set()

    def ask(self, question: c.Verify | c.EvaluateQuorum) -> None:
        """Start to look for the answer."""
        asking = asyncio.get_running_loop().create_task(self._answer(question))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)

    def close(self) -> None:
        """Cancel the questions that are still open."""
        for asking in list(self._asking):
            asking.cancel()

    async def _answer(self, question: c.Verify | c.EvaluateQuorum) -> None:
        for event in await self._found(question):
            self._post(event)

    async def _found(self, question: c.Verify | c.EvaluateQuorum) -> Iterable[e.Event]:
        if isinstance(question, c.Verify):
            return (await verification(self._executor, self._task, question),)
        return await quorum_evaluation(self._executor, self._task, question)
