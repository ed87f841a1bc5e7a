"""What has been unrolled of a workflow so far, and what does not depend on the kinds of its nodes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from planners.bindings import CONTEXT_PART, Binding, Computed, Gather, InputRef, StepRef, Value, computed_in, step_refs
from planners.compensation import is_undo
from planners.context_keys import source_path
from planners.errors import InvalidTask
from planners.expressions.quorums import inputs_read
from planners.facts import Elements, Facts, FinishedStep
from planners.fan_out_builder import FanOutBuilder
from planners.flat_steps import FlatPlace, flat_step
from planners.known_values import KnownValues
from planners.loop_turns import LoopTurns
from planners.model import StepId
from planners.scopes import Meaning, NodeScope, NotRun, part_of
from planners.unsettled import MOST_AFTER, UnsettledBlocks, last_steps
from planners.workflow import (
    Approval,
    Branch,
    Callback,
    CompletionPolicy,
    FanOut,
    Node,
    OnFailure,
    Pending,
    Skipped,
    Step,
    Wait,
)


class Element(NamedTuple):
    """One element of a fan-out: it is unrolled, which gives its output and scope, or skipped for a reason."""

    number: int
    unroll: Callable[[], tuple[Meaning, NodeScope | None]]
    skip: Callable[[str], None]


class UnrolledSteps:
    """The flat steps, what is pending or skipped, and the elements of fan-outs.

    Args:
        inputs: the task's inputs.
        known: outputs of finished steps.
        facts: what else has happened to the run.
        most: stop after so many steps.
    """

    def __init__(self, inputs: Mapping[str, Any], known: Mapping[StepId, Any], facts: Facts, most: int) -> None:
        self._most = most
        self.facts = facts
        self.around: tuple[StepId, int] | None = None
        self.unsettled = UnsettledBlocks()
        self.known = KnownValues(inputs, known, facts.confidences, self.unsettled, facts.spoken)
        self.unfinished = False  # whether a list of a step inside a for_each is pending
        self.steps: list[Step] = [one.step for one in facts.finished.values()]
        self.turns = LoopTurns(facts)
        self.pending: list[Pending] = []
        self.undecided: list[Pending] = []  # blocks of which nothing is pending but keys of the context
        self.skipped: list[Skipped] = []
        self.fan_outs: list[FanOut] = []
        self._may_be_missing: set[StepId] = set()  # steps without whose outputs the workflow may go on
        self._fail_together: set[StepId] = set()  # those of them whose whole block may be missing
        self.left: dict[StepId, list[StepId]] = {}
        self._reverting: set[StepId] = set()

    @property
    def full(self) -> bool:
        """Whether there are as many steps as are asked for."""
        return len(self.steps) >= self._most

    def revert(self, failed: StepId) -> StepId | None:
        """Append the steps that undo what was done in a failed ``try``, one after the other; returns the last one."""
        self._reverting.add(failed)
        last: StepId | None = None
        for step in self.facts.reverts.get(failed, ()):
            if (reason := self.facts.given_up.get(step.id)) is not None:
                self.skipped.append(Skipped(id=step.id, reason=reason))
                continue
            self.steps.append(step.model_copy(update={"after": () if last is None else (last,)}))
            last = step.id
        return last

    def after_reverting(self, failed: StepId, unroll: Callable[[], Meaning]) -> Meaning:
        """Unroll what follows once what was done in a failed ``try`` is undone; returns what it stands for."""
        last, begins = self.revert(failed), len(self.steps)
        meaning = unroll()
        if last is not None:
            self._follow([last], begins)
        return meaning

    def _follow(self, others: Sequence[StepId], begins: int) -> None:
        """The first of the steps from a position on follow other steps."""
        new = self.steps[begins:]
        inside = {step.id for step in new}
        for number, step in enumerate(new, begins):
            further = [other for other in others if other not in step.parents]
            if further and inside.isdisjoint(step.parents):
                self.steps[number] = step.model_copy(update={"after": (*step.after, *further)})

    def finish_reverts(self) -> dict[StepId, FinishedStep]:
        """Append the steps that undo where the ``try`` is not unrolled, and prepend what all of them read.

        Returns the steps that were prepended.
        """
        for failed in self.facts.reverts.keys() - self._reverting:
            self.revert(failed)
        held = {step.id for step in self.steps}
        read = {step: one for step, one in self.facts.reverted.items() if step not in held}
        self.steps[:0] = [one.step for one in read.values()]
        return read

    def reads_unfinished(self, node: Node, scope: NodeScope) -> bool:
        """Whether the node reads the list of a step inside a ``for_each`` of which some elements are pending."""
        return self.unfinished and any(scope.waits(ref) for _, read in node.bindings for ref in step_refs(read))

    def wait(self, flat_id: StepId, steps: Sequence[StepId] = ()) -> Meaning:
        """The node is pending, until the outputs of these steps are known."""
        first, others = (steps[0], tuple(steps[1:])) if steps else (None, ())
        self.pending.append(Pending(id=flat_id, waits_for=first, and_for=others))
        return None

    def waits(self, flat_id: StepId) -> bool:
        """Whether it was this node that became pending last."""
        return bool(self.pending) and self.pending[-1].id == flat_id

    def follow_needs(self, read: Iterable[Meaning], begins: int) -> None:
        """The steps from a position on follow what their block needs if that may be missing: then they are skipped."""
        inside, needs = [step.id for step in self.steps[begins:]], self._missing_of(read)
        if inside and needs:
            self._follow(needs if len(needs) <= MOST_AFTER else self.undecided_of(read), begins)
            self._fail_together.update(inside)
            self._may_be_missing.update(inside)

    def undecided_of(self, read: Iterable[Meaning]) -> list[StepId]:
        """Of the steps whose outputs a block needs, those that are not known to have ended and may be missing."""
        return [step for step in self._missing_of(read) if step not in self.known]

    def _missing_of(self, read: Iterable[Meaning]) -> list[StepId]:
        """Of the steps whose outputs are read, those that may be missing: then what reads them is skipped.

        The list of a fan-out is read without the outputs that are missing, unless the fan-out fails as a whole.
        """
        found: dict[StepId, None] = {}
        if self._may_be_missing:
            for one in read:
                among = self._fail_together if isinstance(one, Gather) else self._may_be_missing
                if not isinstance(one, NotRun | None):
                    found.update((ref.step, None) for ref in step_refs(one) if ref.step in among)
        return list(found)

    def follows(self, meaning: Meaning, begins: int, others: Iterable[StepId]) -> bool:
        """Whether whatever reads this follows one of the other steps, or one from a position on."""
        return self.unsettled.tells(meaning, {*others, *(step.id for step in self.steps[begins:])})

    def skip(self, node: Node, place: FlatPlace, reason: str, *, failed: bool = False) -> Meaning:
        """Skip a node and everything inside it."""
        if place.id(node.id) not in self.facts.reverted:
            self.skipped.append(Skipped(id=place.id(node.id), reason=reason))
        for _, branch in node.branches:
            self.skip_all(branch, place, reason)
        return NotRun(reason, failed) if node.default is None else Value(value=node.default.value)

    def skip_all(self, branch: Branch, place: FlatPlace, reason: str) -> None:
        """Skip the nodes of a branch."""
        for node in branch.steps:
            self.skip(node, place, reason)

    def unroll_element(self, made: FanOutBuilder, fan_out: StepId, element: Element, known: Elements) -> None:
        """Unroll one element, unless it was dropped."""
        if (reason := known.dropped.get(element.number)) is not None:
            element.skip(reason)
            made.add(element.number, (), NotRun(reason), None, unresolved=False)
            return
        around = self.around
        self.around = (fan_out, element.number) if made.declared else around
        steps, pending, resumed = len(self.steps), len(self.pending), self.turns.resumed
        output, inner = element.unroll()
        # What undoes a failed part of the element goes on, whatever becomes of the element.
        own = [step for step in self.steps[steps:] if not is_undo(step.id)]
        if known.kept is not None and element.number not in known.kept:
            self.left.setdefault(fan_out, []).extend(step.id for step in own)
        new = own if made.declared else []
        if made.may_fail:
            made.last += last_steps(new, self.known.__contains__)
            self._fail_together.update(step.id for step in new)
            self._may_be_missing.update(step.id for step in new)
        made.add(element.number, [step.id for step in new], output, inner, unresolved=len(self.pending) > pending)
        if self.turns.resumed > resumed:
            made.begun.append(element.number)
        self.around = around

    def settled(self, made: FanOutBuilder, flat_id: StepId, *meanings: Meaning) -> bool:
        """Whether what a block gives can be read: its readers wait for all its steps, or these have ended.

        If not, the block is pending.
        """
        if not made.may_fail:
            return True
        if made.unresolved:
            self.wait(flat_id)
            return False
        if not made.last:
            return True
        members, last = made.members, tuple(made.last)
        among = frozenset(members)
        if not all(self.unsettled.tells(meaning, among) for meaning in meanings):
            self.wait(flat_id, last)
            return False
        self.unsettled.add(members, last)
        return True

    def hold_keys(self, made: FanOutBuilder, flat_id: StepId, scope: NodeScope, keys: Iterable[str]) -> None:
        """Keys that something else may write if a block fails are pending until its steps have ended.

        Whatever reads a version that a step of the block has written waits for the block anyway.
        """
        if not made.last:
            return
        among, (first, *others) = frozenset(made.members), made.last
        undecided = [key for key in keys if not self.unsettled.tells(scope.version(key), among)]
        if undecided:
            scope.context.update(dict.fromkeys(undecided))
            self.undecided.append(Pending(id=flat_id, waits_for=first, and_for=tuple(others)))

    @staticmethod
    def write(scope: NodeScope, step: Step, flat_id: StepId, result: Meaning) -> None:
        """Note what a step writes to the context. ``result``: what its output stands for, which it may have proposed.

        Raises:
            InvalidTask: the output certainly has no such part.
        """
        for key, source in step.writes.items():
            path = source_path(source)
            if path[:1] == (CONTEXT_PART,):
                scope.context[key] = StepRef(step=flat_id, path=path)
            elif result is None:
                scope.context[key] = None
            elif not isinstance(result, NotRun):
                try:
                    scope.context[key] = part_of(result, path)
                except LookupError as error:
                    message = f"'{step.id}' writes {source} to the context, which has {error.args[0]}"
                    raise InvalidTask(
                        message, f"workflow.steps.{step.id}.writes.{key}", "name a part that exists"
                    ) from None

    def condition_inputs(self, policy: CompletionPolicy, scope: NodeScope, made: FanOutBuilder) -> list[StepId]:
        """Note what the inputs of a condition on results stand for; returns the steps whose outputs it needs first.

        Raises:
            InvalidTask: the input of a workflow inside another one certainly has no such part, or no value.
        """
        unknown: list[StepId] = []
        for name in () if policy.complete_when is None else inputs_read(policy.complete_when):
            stands_for: Binding | None = scope.substituted(InputRef(input=name), "complete_when", made.id)
            if stands_for is not None and any(step_refs(stands_for)):
                value = self.known.made(stands_for, f"workflow.steps.{made.id}.complete_when")
                unknown += value if isinstance(value, list) else ()
                stands_for = None if isinstance(value, list) else value
            made.reads[name] = stands_for
        return unknown

    def known_list(self, over: Binding, block: StepId, place: FlatPlace) -> Binding | None:
        """The list that a block runs over, evaluated if it is an expression; None: the block is pending.

        Raises:
            InvalidTask: the expression has no value.
        """
        unknown = [over.step] if isinstance(over, StepRef) and over.step not in self.known else []
        unknown += self.unsettled.awaited(ref.step for ref in step_refs(over))
        if isinstance(over, Computed):
            made = self.known.made(over, f"workflow.steps.{block}.for_each")
            over, unknown = (over, made) if isinstance(made, list) else (made, [])
        if unknown:
            self.wait(place.id(block), list(dict.fromkeys(unknown)))
            return None
        return over

    def add_waiting(self, node: Wait | Approval | Callback, flat_id: StepId, scope: NodeScope) -> bool:
        """Append a step that the run plays; False: it is pending. How long it pauses is evaluated here.

        Raises:
            InvalidTask: an expression has no value.
        """
        step = flat_step(node.as_step(), flat_id, scope)
        if isinstance(node, Wait) and any(computed_in(step.inputs["seconds"])):
            seconds = self.known.made(step.inputs["seconds"], f"workflow.steps.{node.id}.wait")
            if isinstance(seconds, list):
                self.wait(flat_id, seconds)
                return False
            step = step.model_copy(update={"inputs": {"seconds": seconds}, "after": step.parents})
        return self.add_step(step)

    def add_step(self, step: Step) -> bool:
        """Append a flat step that follows the blocks that it reads; False: it is pending."""
        order = self.unsettled.order(step.parents)
        if order is None:
            self.wait(step.id, self.unsettled.once(step.parents))
            return False
        self.steps.append(step.model_copy(update={"after": (*step.after, *order)}) if order else step)
        if step.on_failure is not OnFailure.FAIL or not self._may_be_missing.isdisjoint(step.parents):
            self._may_be_missing.add(step.id)
        return True
