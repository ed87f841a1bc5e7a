"""Which outputs the pending nodes of a plan wait for, and which of these nodes can be unrolled now.

Each step and each pending node is looked at once, however many wait.
"""

from collections.abc import Callable, Iterable

from planners.model import StepId
from planners.workflow import Pending


class AwaitedOutputs:
    """The steps whose outputs a plan's pending nodes need. A node that reads several needs all of them.

    Args:
        pending: the nodes.
        finished_s: since when the output of a step is there; None if it is not.

    Attributes:
        due: the steps that nodes read which can be unrolled -> since when the first of these nodes can.
    """

    def __init__(
        self, pending: Iterable[Pending] = (), finished_s: Callable[[StepId], float | None] = lambda _step: None
    ) -> None:
        self._nodes: dict[StepId, list[Pending]] = {}
        self._missing: dict[StepId, int] = {}
        self.due: dict[StepId, float] = {}
        for node in pending:
            if not node.awaited:
                continue
            for step in node.awaited:
                self._nodes.setdefault(step, []).append(node)
            moments = [finished_s(step) for step in node.awaited]
            self._missing[node.id] = moments.count(None)
            self._note(node, max((at_s for at_s in moments if at_s is not None), default=0.0))

    def finish(self, step: StepId, at_s: float) -> bool:
        """A step has finished, to be called once for each; whether that completes what some node needs."""
        before = len(self.due)
        for node in self._nodes.pop(step, ()):
            self._missing[node.id] -= 1
            self._note(node, at_s)
        return len(self.due) > before

    def _note(self, node: Pending, at_s: float) -> None:
        if not self._missing[node.id]:
            self.due.update({step: min(at_s, self.due.get(step, at_s)) for step in node.awaited})
