"""Linking: puts the workflows that a task uses by name into the task, when it is admitted.

A task then needs no catalog to be unrolled, and a new version of a workflow does not change tasks under way. Ids and
inputs of a used workflow get the id of the node in front (``reply/draft``), so it may be used several times.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from planners.agents import Catalog
from planners.bindings import Binding, InputRef, Leaf, StepRef, Value, map_binding
from planners.definitions import NamedWorkflow
from planners.errors import InvalidTask
from planners.expressions.references import parsed
from planners.model import StepId
from planners.tasks import Task
from planners.validation import MAX_FLAWS
from planners.validation.bindings import read
from planners.validation.offers import Requirements, unservable
from planners.validation.parsing import MAX_NODES
from planners.validation.shapes import of_schemas
from planners.validation.structure import MAX_DEPTH, ROOT, broken_structure
from planners.validation.suggestions import nearest, shown
from planners.validation.unread_references import unread_references
from planners.workflow import CompletionPolicy, FanOutNode, ForEach, Node, Use, Workflow

_Policy = TypeVar("_Policy", bound=CompletionPolicy)
# An id gets longer with each level, and copies of elements add their numbers.
_LONGEST_ID = 160


def linked(task: Task, catalog: Catalog) -> Task:
    """The task with the steps of the workflows that it uses.

    Raises:
        InvalidTask: a workflow is not in the catalog, uses itself, is nested too deeply, or gets other inputs than it
            takes; names the field and the fix.
    """
    if task.workflow is None or not any(isinstance(node, Use) and node.steps is None for node in task.workflow.walk()):
        return task
    steps = _Linker(catalog).nodes(task.workflow.steps, ROOT, ())
    return task.model_copy(update={"workflow": task.workflow.model_copy(update={"steps": steps})})


class _Linker:
    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._made = 0

    def nodes(self, nodes: Sequence[Node], field: str, inside: tuple[str, ...]) -> tuple[Node, ...]:
        """The nodes of one level; ``inside``: the used workflows around."""
        return tuple(self._node(node, f"{field}.{node.id}", inside) for node in nodes)

    def _node(self, node: Node, field: str, inside: tuple[str, ...]) -> Node:
        if isinstance(node, Use) and node.steps is None:
            return self._use(node, field, inside)
        branches = [
            branch.model_copy(update={"steps": self.nodes(branch.steps, f"{field}.{name}", inside)})
            for name, branch in node.branches
        ]
        return node.with_branches(branches) if branches else node

    def _use(self, node: Use, field: str, inside: tuple[str, ...]) -> Use:
        definition = self._defined(node, field)
        around = (*inside, definition.identity)
        if definition.identity in inside:
            message = f"a workflow uses itself: {' -> '.join(map(shown, around[inside.index(definition.identity) :]))}"
            raise InvalidTask(message, field, "use a loop to repeat steps")
        if len(around) >= MAX_DEPTH:
            message = f"workflows use each other {len(around)} levels deep"
            raise InvalidTask(message, field, f"nest at most {MAX_DEPTH - 1} nodes with steps inside")
        inputs = _given(node, definition, field)
        renaming = _Renaming(node.id, definition, self)
        steps = self.nodes(renaming.nodes(definition.steps, field), f"{field}.steps", around)
        output = renaming.step(definition.output) if definition.output is not None else None
        return node.model_copy(
            update={"version": definition.version, "inputs": inputs, "steps": steps, "output": output}
        )

    def _defined(self, node: Use, field: str) -> NamedWorkflow:
        versions = self._catalog.workflows_by_name.get(node.use, ())
        if not versions:
            fix = nearest(node.use, self._catalog.workflows_by_name.keys())
            raise InvalidTask(f"the catalog has no workflow '{shown(node.use)}'", f"{field}.use", fix)
        if node.version is None:
            return versions[-1]
        for version in versions:
            if version.version == node.version:
                return version
        message = f"workflow '{node.use}' has no version '{shown(node.version)}'"
        raise InvalidTask(message, f"{field}.version", nearest(node.version, [each.version for each in versions]))

    def count(self, step: StepId, field: str) -> None:
        """Take in one more node of a used workflow.

        Raises:
            InvalidTask: there are too many, or its id is too long.
        """
        self._made += 1
        if self._made > MAX_NODES:
            message = f"the workflows that it uses have more than {MAX_NODES} steps"
            raise InvalidTask(message, field, "use fewer of them, or use them in a for_each")
        if len(step) > _LONGEST_ID:
            message = f"with the ids of the nodes around, the id '{shown(step)}' has {len(step)} characters"
            raise InvalidTask(message, field, f"choose shorter ids; {_LONGEST_ID} characters are the most")


def _given(node: Use, definition: NamedWorkflow, field: str) -> dict[str, Binding]:
    """The inputs of a used workflow by the names that its steps read."""
    for name in node.inputs:
        if name not in definition.inputs:
            message = f"workflow '{definition.name}' takes no input '{shown(name)}'"
            raise InvalidTask(message, f"{field}.inputs.{name}", nearest(name, definition.inputs))
    for name in definition.inputs:
        if name in definition.required and name not in node.inputs:
            message = f"workflow '{definition.name}' needs the input '{name}'"
            raise InvalidTask(message, f"{field}.inputs", f"add {name}")
    defaults: dict[str, Binding] = {name: Value(value=value) for name, value in definition.defaults.items()}
    return {**defaults, **node.inputs}


class _Renaming:
    """Gives the nodes of a definition, at every depth, the id of the node that uses it in front."""

    def __init__(self, prefix: StepId, definition: NamedWorkflow, linker: _Linker) -> None:
        self._prefix = prefix
        self._linker = linker
        self._lists = _children_of_blocks(definition.steps)

    def step(self, step: StepId) -> StepId:
        """The new id of a node."""
        return StepId(f"{self._prefix}/{step}")

    def nodes(self, nodes: Sequence[Node], field: str) -> tuple[Node, ...]:
        """The nodes of one level with their new ids."""
        return tuple(self._node(node, field) for node in nodes)

    def _node(self, node: Node, field: str) -> Node:
        branches = [
            branch.model_copy(
                update={
                    "steps": self.nodes(branch.steps, field),
                    "output": None if branch.output is None else self.step(branch.output),
                }
            )
            for _, branch in node.branches
        ]
        renamed = node.rebound(lambda _, binding: map_binding(binding, self._leaf), self._leaf)
        if branches:
            renamed = renamed.with_branches(branches)
        step = self.step(node.id)
        self._linker.count(step, field)
        update: dict[str, Any] = {"id": step, "after": tuple(map(self.step, node.after))}
        if node.join is not None:
            update["join"] = self._completed(node.join).model_copy(update={"steps": tuple(map(self.step, node.joined))})
        return (self._completed(renamed) if isinstance(renamed, FanOutNode) else renamed).model_copy(update=update)

    def _completed(self, policy: _Policy) -> _Policy:
        """The policy with other names of inputs in its condition."""
        if (condition := policy.complete_when) is None:
            return policy
        return policy.model_copy(update={"complete_when": parsed(condition).renamed(self._leaf)})

    def _leaf(self, leaf: Leaf) -> Leaf:
        match leaf:
            case InputRef(input=name, path=path):
                return InputRef(input=f"{self._prefix}/{name}", path=path)
            case StepRef(step=step, path=(child, *rest)) if child in self._lists.get(step, ()):
                # The list of the outputs of a step inside a for_each.
                return StepRef(step=self.step(step), path=(self.step(StepId(str(child))), *rest))
            case StepRef(step=step, path=path) if not step.startswith("$"):
                return StepRef(step=self.step(step), path=path)
            case _:
                return leaf


def _children_of_blocks(nodes: Sequence[Node]) -> Mapping[StepId, frozenset[StepId]]:
    found: dict[StepId, frozenset[StepId]] = {}
    for node in nodes:
        if isinstance(node, ForEach):
            found[node.id] = frozenset(child.id for child in node.steps)
        for _, branch in node.branches:
            found |= _children_of_blocks(branch.steps)
    return found


def definition_flaws(catalog: Catalog, known: Catalog | None = None) -> Iterator[InvalidTask]:
    """What is wrong with the workflows of a catalog by themselves.

    Ids, references, cycles and workflows that they use; then whether ``known`` agents (by default those of the catalog)
    can do their steps; then their bindings, with values of the declared types as inputs. Each is told only where the
    ones before are right, and agents are left out where there are none.
    """
    known = known or catalog
    requirements = Requirements(known, 0.0, None)
    for index, definition in enumerate(catalog.workflows):
        task = Task(workflow=Workflow(steps=definition.steps))
        for flaw in _first_flaws(task, definition, requirements):
            yield InvalidTask(flaw.message, flaw.field.replace(ROOT, f"workflows.{index}.steps", 1), flaw.fix)


def _first_flaws(task: Task, definition: NamedWorkflow, requirements: Requirements) -> list[InvalidTask]:
    try:
        task = linked(task, requirements.catalog)
    except InvalidTask as error:
        return [error]
    assert task.workflow is not None
    if found := list(broken_structure(task.workflow)):
        return found
    if requirements.catalog.agents and (found := list(unservable(task, requirements))):
        return found
    given = {name: of_schemas([schema]) for name, schema in definition.inputs.items()}
    flaws = read(task.workflow, {}, requirements, MAX_FLAWS, given).flaws
    return [*flaws, *unread_references(task.workflow, definition.inputs)]
