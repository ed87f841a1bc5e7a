"""Which outputs the pending nodes of a plan wait for, and which of these nodes can be unrolled now.

Each step and each pending node is looked at once, however many wait.
"""

from collections.abc import Callable, Iterable

from planners.model import StepId
from planners.workflow import Pending


class AwaitedOutputs:
    """The steps whose outputs a plan's pending nodes need. A node that reads several needs all of them."""

    def __init__(
        self, pending: Iterable[Pending] = (), is_finished: Callable[[StepId], bool] = lambda _step: False
    ) -> None:
        self._nodes: dict[StepId, list[Pending]] = {}
        self._missing: dict[StepId, int] = {}
        self.due: dict[StepId, None] = {}
        for node in pending:
            if not node.awaited:
                continue
            for step in node.awaited:
                self._nodes.setdefault(step, []).append(node)
            self._missing[node.id] = sum(not is_finished(step) for step in node.awaited)
            self._note(node)

    def finish(self, step: StepId) -> bool:
        """A step has finished, to be called once for each; whether that completes what some node needs."""
        before = len(self.due)
        for node in self._nodes.pop(step, ()):
            self._missing[node.id] -= 1
            self._note(node)
        return len(self.due) > before

    def _note(self, node: Pending) -> None:
        if not self._missing[node.id]:
            self.due.update(dict.fromkeys(node.awaited))
