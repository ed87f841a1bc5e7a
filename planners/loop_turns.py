"""The turns of loops while a workflow is unrolled: where each loop begins, and which turns have been unrolled whole."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from planners.bindings import Binding, computed_in, step_refs
from planners.expressions.references import parsed
from planners.facts import Facts, ResumedLoop
from planners.known_values import KnownValues
from planners.model import StepId
from planners.nodes import Loop
from planners.scopes import Meaning, NodeScope, NotRun
from planners.workflow import LoopTurn


class Carried(NamedTuple):
    """What ``$state`` stands for in the next turn, the output so far, and the keys of the context that were written."""

    state: dict[str, Binding]
    output: Meaning
    context: Mapping[str, Binding | None]


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

    def start(self, loop: Loop, flat_id: StepId, outer: NodeScope) -> tuple[int, Carried]:
        """The first turn to unroll, and what is carried into it."""
        self.see(flat_id)
        known = self._facts.loops.get(flat_id)
        if known is None:
            state = {name: outer.substituted(binding, f"state.{name}", loop.id) for name, binding in loop.state.items()}
            return 0, Carried(state, NotRun(f"the loop '{flat_id}' makes no turn"), {})
        self.resumed += 1
        output = NotRun(known.skipped) if known.output is None else known.output
        return known.turn, Carried(known.state, output, dict(known.context))

    def add(self, turn: tuple[StepId, int], steps: Iterable[StepId], inner: Iterable[StepId], carried: Carried) -> None:
        """A turn is unrolled, and another one follows.

        Args:
            turn: the flat id of the loop, and the number of the turn.
            steps: its flat steps.
            inner: loops, fan-outs and skipped nodes in it.
            carried: into the following turn.
        """
        loop, number = turn
        state, output, context = carried
        follows = ResumedLoop(
            turn=number + 1,
            state=state,
            output=None if isinstance(output, NotRun) else output,
            skipped=output.reason if isinstance(output, NotRun) else "",
            context={key: version for key, version in context.items() if version is not None},
        )
        self.made.append(
            LoopTurn(loop=loop, turn=number, steps=tuple(steps), inner=tuple(dict.fromkeys(inner)), next=follows)
        )


def after_turn(
    loop: Loop, scope: NodeScope, known: KnownValues, field: str
) -> dict[str, Binding] | bool | list[StepId] | None:
    """The state of the next turn, True if there is none, or what must be known first; None: nodes are pending."""
    bound = [ref.step for _, binding in loop.inner_bindings for ref in step_refs(binding)]
    conditions = [parsed(condition) for _, condition in loop.inner_conditions]
    if any(scope[step] is None for step in (*bound, *(step for one in conditions for step in one.steps))):
        return None
    versions = scope.versions(loop.context_read_inside)
    if any(version is None for version in (*scope.context.values(), *versions)):
        return None
    if any(isinstance(read, NotRun) for read in read_after_turn(loop, scope)):
        return True
    if loop.until is not None and (held := known.holds(loop.until, scope, field)) is not False:
        return held
    return _state_after(loop, scope, known, field.removesuffix("until"))


def read_after_turn(loop: Loop, scope: NodeScope) -> list[Meaning]:
    """What is read after a turn of which the scope is given; no other turn follows if one of these is not run."""
    steps = [ref.step for _, binding in loop.inner_bindings for ref in step_refs(binding)]
    steps += [step for _, condition in loop.inner_conditions for step in parsed(condition).outputs]
    return [*(scope[step] for step in steps), *scope.versions(loop.context_read_inside)]


def _state_after(loop: Loop, scope: NodeScope, known: KnownValues, where: str) -> dict[str, Binding] | list[StepId]:
    """The state of the next turn. Expressions are evaluated, so that states of many turns are not nested in each other.

    What they read must be known first.
    """
    state: dict[str, Binding] = {}
    unknown: list[StepId] = []
    for name, of in loop.next.items():
        state[name] = scope.substituted(of, f"next.{name}", loop.id)
        if any(computed_in(state[name])):
            made = known.made(state[name], f"{where}next.{name}")
            if isinstance(made, list):
                unknown += made
            else:
                state[name] = made
    return list(dict.fromkeys(unknown)) or state
