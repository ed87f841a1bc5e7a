"""The turns of loops while a workflow is unrolled: where each loop begins, and which turns have been unrolled whole."""

from collections.abc import Iterable

from planners.bindings import Binding
from planners.facts import Facts, ResumedLoop
from planners.model import StepId
from planners.nodes import Loop
from planners.scopes import Meaning, NodeScope, NotRun
from planners.workflow import LoopTurn


class LoopTurns:
    """``made``: the turns that another one follows, inner loops first. ``resumed``: how many loops began later."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._seen: list[StepId] = []
        self.made: list[LoopTurn] = []
        self.resumed = 0

    def see(self, node: StepId) -> None:
        """A loop or a fan-out is unrolled."""
        self._seen.append(node)

    def mark(self) -> int:
        """For `since`."""
        return len(self._seen)

    def since(self, mark: int) -> list[StepId]:
        """The loops and fan-outs that were unrolled since then."""
        return self._seen[mark:]

    def start(self, loop: Loop, flat_id: StepId, outer: NodeScope) -> tuple[int, dict[str, Binding], Meaning]:
        """The first turn to unroll, the state in it, and the output so far."""
        self.see(flat_id)
        known = self._facts.loops.get(flat_id)
        if known is None:
            state = {name: outer.substituted(binding, f"state.{name}", loop.id) for name, binding in loop.state.items()}
            return 0, state, NotRun(f"the loop '{flat_id}' makes no turn")
        self.resumed += 1
        return known.turn, known.state, NotRun(known.skipped) if known.output is None else known.output

    def add(
        self,
        turn: tuple[StepId, int],
        steps: Iterable[StepId],
        inner: Iterable[StepId],
        state: dict[str, Binding],
        output: Meaning,
    ) -> None:
        """A turn is unrolled, and another one follows.

        Args:
            turn: the flat id of the loop, and the number of the turn.
            steps: its flat steps.
            inner: loops, fan-outs and skipped nodes in it.
            state: what ``$state`` stands for in the following turn.
            output: what the output of this turn stands for.
        """
        loop, number = turn
        skipped = output.reason if isinstance(output, NotRun) else ""
        made = None if isinstance(output, NotRun) else output
        follows = ResumedLoop(turn=number + 1, state=state, output=made, skipped=skipped)
        self.made.append(
            LoopTurn(loop=loop, turn=number, steps=tuple(steps), inner=tuple(dict.fromkeys(inner)), next=follows)
        )
