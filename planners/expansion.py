"""Expansion: unroll a declared workflow into flat steps. A ``for_each`` becomes one copy of its steps per element.

A route becomes the steps of one branch; those of the others, and what reads them, are skipped.

Always starts from the declared workflow and the outputs known so far, so equal input gives an equal flat workflow.
A block whose list is the output of an unfinished step stays pending, together with the nodes that read it; so does a
route whose conditions read such an output. The other nodes and the other elements do not wait for it. When the step
finishes, the workflow is unrolled again for a new plan.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from planners.bindings import Gather, StepRef, Value, step_refs
from planners.compensation import undo_workflow
from planners.facts import Elements, Facts
from planners.fan_out_builder import FanOutBuilder
from planners.flat_steps import FlatPlace, flat_step, inside_of, or_default, sinks
from planners.joins import Visit, visited
from planners.loop_turns import Carried, after_turn, read_after_turn
from planners.model import StepId, lean
from planners.scopes import Meaning, NodeScope, NotRun, part_of
from planners.unrolled_levels import MAX_STEPS, UnrolledLevels
from planners.unrolled_steps import Element
from planners.unsettled import MOST_AFTER
from planners.workflow import (
    Approval,
    Branch,
    Callback,
    FanOutNode,
    FlatWorkflow,
    ForEach,
    Goal,
    Loop,
    Node,
    OnFailure,
    Parallel,
    Route,
    Step,
    Try,
    Use,
    Wait,
    Workflow,
)


def flatten(
    workflow: Workflow,
    inputs: Mapping[str, Any],
    known: Mapping[StepId, Any] | None = None,
    facts: Facts | None = None,
    *,
    most: int = MAX_STEPS + 1,
) -> FlatWorkflow:
    """Unroll whatever can be unrolled.

    Args:
        workflow: a workflow that `planners.validation` accepts.
        inputs: the task's inputs.
        known: outputs of finished steps by flat id, where a ``for_each`` runs over them or a condition reads them.
        facts: what else has happened to the run.
        most: stop after this many steps.

    Raises:
        InvalidTask: a ``for_each`` runs over a value that is not a list, a condition has no value, or the result
            exceeds MAX_STEPS.
    """
    if facts is not None and facts.undo:
        return undo_workflow(facts)
    unroller = _Unroller(inputs, known or {}, facts or Facts(), most)
    outputs = dict(workflow.outputs) or {node.id: StepRef(step=node.id) for node in sinks(workflow)}
    read = (ref.step for binding in outputs.values() for ref in step_refs(binding))
    scope = unroller.unroll(unroller.level(workflow.steps, read), NodeScope(), FlatPlace())
    finished = unroller.finish_reverts()
    given = {name: binding for name, binding in outputs.items() if scope.can_give(binding)}
    # Whatever reads an undecided key is pending, or an output that is missing.
    undecided = unroller.undecided if unroller.pending or len(given) < len(outputs) else []
    return FlatWorkflow(
        steps=tuple(unroller.steps),
        pending=(*unroller.pending, *undecided),
        skipped=tuple(unroller.skipped),
        fan_outs=tuple(unroller.fan_outs),
        loops=tuple(unroller.turns.made),
        finished={step: one.work_key for step, one in {**unroller.facts.finished, **finished}.items()},
        repeats=unroller.facts.repeats,
        left={fan_out: tuple(steps) for fan_out, steps in unroller.left.items() if steps},
        outputs={name: scope.substituted(binding, f"outputs.{name}") for name, binding in given.items()},
    )


class _Unroller(UnrolledLevels):
    def unroll_node(self, node: Node, scope: NodeScope, place: FlatPlace) -> Meaning:
        flat_id = place.id(node.id)
        if self.full:
            return None
        versions = scope.versions(node.context_reads)
        read = (*(scope[ref] for ref in node.needed), *versions)
        missing = next((not_run for not_run in read if isinstance(not_run, NotRun)), None)
        if missing is not None:
            return self.skip(node, place, missing.reason)
        if (reason := self.facts.given_up.get(flat_id)) is not None:
            return self.skip(node, place, reason, failed=True)
        refs = node.own_refs if isinstance(node, Route | Loop | Try) else node.refs
        pending = any(scope[ref] is None for ref in refs) or any(version is None for version in versions)
        if isinstance(node, Goal) or pending or self.reads_unfinished(node, scope):
            return self.wait(flat_id)
        begins, undecided = len(self.steps), self.undecided_of(read) if node.branches else ()
        if len(undecided) > MOST_AFTER:
            return self.wait(flat_id, undecided)
        meaning = self._unroll_bound(node, flat_id, scope, place)
        if node.branches:
            self.follow_needs(read, begins)
        elif flat_id in self.facts.proposals:  # the step itself comes before what it has proposed
            self.follow_needs((*read, StepRef(step=flat_id)), begins + 1)
        given = undecided and not isinstance(meaning, NotRun | None)
        # Readers of a literal follow nothing that tells whether the node is skipped.
        return self.wait(flat_id, undecided) if given and not self.follows(meaning, begins, undecided) else meaning

    def _unroll_bound(self, node: Node, flat_id: StepId, scope: NodeScope, place: FlatPlace) -> Meaning:
        """Unroll a node of which everything that it reads is unrolled."""
        assert not isinstance(node, Goal), "a goal is pending until it is decomposed"
        match node:
            case Wait() | Approval() | Callback():
                return StepRef(step=flat_id) if self.add_waiting(node, flat_id, scope) else None
            case Step():
                return self._unroll_step(node, flat_id, scope)
            case ForEach():
                elements = self._elements_of_block(node, scope, place)
                return None if elements is None else self._unroll_fan_out(node, flat_id, scope, elements)
            case Parallel():
                return self._unroll_fan_out(node, flat_id, scope, self._elements_of_parallel(node, scope, place))
            case Try():
                return self._unroll_try(node, flat_id, scope, place)
            case Route() | Loop() | Use() if node.on_failure is not OnFailure.FAIL:
                found = self.unroll_guarded(node.on_failure, flat_id, self._block(node, flat_id, scope, place), scope)
                return or_default(found, node)
            case Route() | Loop() | Use():
                return self._block(node, flat_id, scope, place).unroll()[0]

    def _unroll_step(self, node: Step, flat_id: StepId, scope: NodeScope) -> Meaning:
        """The step, and what it has proposed: then it stands for the result of that."""
        step = flat_step(node, flat_id, scope)
        if not self.add_step(step):
            return None
        proposal = self.facts.proposals.get(flat_id)
        if proposal is None:
            itself = lean(StepRef(step=flat_id))
            self.write(scope, node, flat_id, itself)
            return itself
        branch, place = proposal.branch, FlatPlace(f"{flat_id}/")

        def unroll() -> tuple[Meaning, NodeScope]:
            inner = self.unroll(self.inside(branch), proposal.scope(flat_id, step.inputs), place)
            return inner[branch.output_step], inner

        if node.on_failure is OnFailure.FAIL:
            result = unroll()[0]
        else:
            element = Element(0, unroll, lambda reason: self.skip_all(branch, place, reason))
            result = self.unroll_guarded(node.on_failure, flat_id, element, scope)
        self.write(scope, node, flat_id, result)
        return or_default(result, node)

    def _elements_of_block(self, block: ForEach, outer: NodeScope, place: FlatPlace) -> list[Element] | None:
        """An element for each part of the list; None where the list is not known yet."""
        over = self.known_list(outer.substituted(block.for_each, "for_each", block.id), block.id, place)
        if over is None:
            return None

        def element(index: int) -> Element:
            inner = place.copy(index)

            def unroll() -> tuple[Meaning, NodeScope]:
                scope = inside_of(block, outer, item=part_of(over, (index,)))
                self.unroll(self.inside(block), scope, inner)
                return scope[block.output_step], scope

            return Element(index, unroll, lambda reason: self.skip_all(block, inner, reason))

        return [element(index) for index in range(self.known.length(over, block.id))]

    def _elements_of_parallel(self, node: Parallel, outer: NodeScope, place: FlatPlace) -> list[Element]:
        scope, index = inside_of(node, outer), {child.id: index for index, child in enumerate(node.parallel)}

        def element(visit: Visit) -> Element:
            child = visited(visit)

            def unroll() -> tuple[Meaning, NodeScope]:
                scope[child.id] = self.visit(visit, scope, place)
                own = NodeScope(scope)  # what one element writes, the others do not see
                own.context, scope.context = scope.context, {}
                return scope[child.id], own

            def skip(reason: str) -> None:
                scope[child.id] = self.skip(child, place, reason)

            return Element(index[child.id], unroll, skip)

        return [element(visit) for visit in self.beside(node.parallel)]

    def _unroll_fan_out(
        self, node: FanOutNode, flat_id: StepId, outer: NodeScope, elements: Sequence[Element]
    ) -> Meaning:
        """Unroll the elements that were not dropped; the output is the list of their outputs."""
        known = self.facts.fan_outs.get(flat_id, Elements())
        self.turns.see(flat_id)
        made = FanOutBuilder(flat_id, node.completion, node.on_failure, self.around)
        for element in elements:
            if self.full:
                return None
            self.unroll_element(made, flat_id, element, known)
        output, lists = made.gathered(known.kept), self._lists(node, made, known)
        versions = {key: made.written(key, known.kept) for key in node.context_writes}
        open_, unknown = known.failed is None and known.kept is None, list[StepId]()
        if open_ and node.completion.complete_when is not None:  # which of its results count is not decided
            output, lists, versions = None, dict.fromkeys(lists), dict.fromkeys(versions)
            unknown = self.condition_inputs(node, outer, made)
        if open_ and output is not None:
            readable = [one for one in (output, *lists.values(), *versions.values()) if one is not None]
            if not self.settled(made, flat_id, *readable):
                output, lists = None, dict.fromkeys(lists)
        if isinstance(node, ForEach):
            outer.lists[node.id] = lists
            self.unfinished = self.unfinished or None in lists.values()
        if known.failed is not None:
            return NotRun(known.failed, failed=True) if node.default is None else Value(value=node.default.value)
        outer.context.update(versions)
        if known.kept is None:
            self.fan_outs += made.fan_outs
        return self.wait(flat_id, unknown) if output is None and not self.waits(flat_id) else output

    @staticmethod
    def _lists(node: FanOutNode, made: FanOutBuilder, known: Elements) -> dict[StepId, Gather | None]:
        """Of each node inside a ``for_each``, the list of its outputs."""
        children = node.steps if isinstance(node, ForEach) else ()
        return {child.id: made.listed(child.id, known.kept) for child in children}

    def _unroll_try(self, node: Try, flat_id: StepId, outer: NodeScope, place: FlatPlace) -> Meaning:
        """Unroll the first steps; once they have failed, what undoes them, and then the fallback."""
        first, fallback = (branch for _, branch in node.branches)

        def unroll(branch: Branch = first) -> tuple[Meaning, NodeScope]:
            scope = self._unroll_inside(branch, node, outer, place)
            return scope[branch.output_step], scope

        element = Element(0, unroll, lambda reason: self.skip_all(first, place, reason))
        written_else = dict.fromkeys(key for child in fallback.steps for key in child.context_writes)
        output = self.unroll_guarded(OnFailure.ROUTE, flat_id, element, outer, written_else)
        if self.facts.fan_outs.get(flat_id, Elements()).failed is not None:
            output = self.after_reverting(flat_id, lambda: unroll(fallback)[0])
        if output is None:
            return None if self.waits(flat_id) else self.wait(flat_id)
        return or_default(output, node)

    def _unroll_inside(self, branch: Branch, node: Node, outer: NodeScope, place: FlatPlace) -> NodeScope:
        """Unroll a branch, whose versions of the context go on behind the node."""
        scope = self.unroll(self.inside(branch), inside_of(node, outer), place)
        outer.context.update(scope.context)
        return scope

    def _block(self, node: Route | Loop | Use, flat_id: StepId, outer: NodeScope, place: FlatPlace) -> Element:
        """The whole of a node as one element."""

        def unroll() -> tuple[Meaning, None]:
            match node:
                case Route():
                    return self._unroll_route(node, flat_id, outer, place), None
                case Loop():
                    return self._unroll_loop(node, flat_id, outer, place), None
                case Use():
                    return self._unroll_use(node, flat_id, outer, place), None

        def skip(reason: str) -> None:
            for _, branch in node.branches:
                self.skip_all(branch, place, reason)

        return Element(0, unroll, skip)

    def _unroll_route(self, route: Route, flat_id: StepId, scope: NodeScope, place: FlatPlace) -> Meaning:
        branches = [branch for _, branch in route.branches]
        chosen = len(route.route)
        for number, (field, condition) in enumerate(route.conditions):
            held = self.known.holds(condition, scope, f"workflow.steps.{route.id}.{field}")
            if not isinstance(held, bool):
                return self.wait(flat_id, held)
            if held:
                chosen = number
                break
        if chosen == len(branches):
            return self.skip(route, place, f"no case of the route '{flat_id}' applies")
        for number, branch in enumerate(branches):
            if number != chosen:
                self.skip_all(branch, place, f"the route '{flat_id}' takes another way")
        taken = branches[chosen]
        output = self._unroll_inside(taken, route, scope, place)[taken.output_step]
        return self.wait(flat_id) if output is None else or_default(output, route)

    def _unroll_use(self, node: Use, flat_id: StepId, outer: NodeScope, place: FlatPlace) -> Meaning:
        ((_, branch),) = node.branches
        inputs = {
            f"{node.id}/{name}": outer.substituted(of, f"inputs.{name}", node.id) for name, of in node.inputs.items()
        }
        scope = inside_of(node, outer, inputs=inputs)
        scope.begin_context()
        output = self.unroll(self.inside(branch), scope, place)[branch.output_step]
        return self.wait(flat_id) if output is None else or_default(output, node)

    def _unroll_loop(self, loop: Loop, flat_id: StepId, outer: NodeScope, place: FlatPlace) -> Meaning:
        """Unroll the turns that are known to be made."""
        ((_, branch),), where = loop.branches, f"workflow.steps.{loop.id}"
        first, (state, output, context) = self.turns.start(loop, flat_id, outer)
        needs: list[Meaning] = []
        for turn in range(first, loop.max):
            scope = inside_of(loop, outer, state={**state, "turn": Value(value=turn)})
            scope.context = dict(context)
            if loop.go_on is not None:
                held = self.known.holds(loop.go_on, scope, f"{where}.while")
                if not isinstance(held, bool):
                    return self.wait(flat_id, held)
                if not held:
                    break
            steps, pending, skipped = len(self.steps), len(self.pending), len(self.skipped)
            seen = self.turns.mark()
            output = self.unroll(self.inside(branch, loop), scope, place.copy(turn))[branch.output_step]
            self.follow_needs(needs, steps)
            context = scope.context
            following = after_turn(loop, scope, self.known, f"{where}.until")
            if output is None or self.full or not isinstance(following, dict | bool):
                return self.wait(flat_id, following if isinstance(following, list) else ())
            if isinstance(following, bool):
                break
            state = {**state, **following}
            # The next turn is not made if this one is not, either.
            before = needs and ([StepRef(step=step.id) for step in self.steps[steps : steps + 1]] or needs)
            needs = [*read_after_turn(loop, scope), *before]
            if len(self.pending) == pending:
                inside = (step.id for step in self.steps[steps:])
                left_out = (*self.turns.since(seen), *(node.id for node in self.skipped[skipped:]))
                self.turns.add((flat_id, turn), inside, left_out, Carried(state, output, context))
        outer.context.update(context)
        return or_default(output, loop)
