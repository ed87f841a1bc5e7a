"""A workflow whose goals are replaced by steps while they are decomposed.

A task that is just a goal is a workflow of one goal. A goal that is still open stays in the workflow, so unrolling
leaves it and all its readers pending. The steps that do unroll are the growing prefix of the plan.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Self, TypeVar

from planners.bindings import Binding, InputRef, Leaf, Path, StepRef, Value, follow, map_binding
from planners.errors import DecomposeFailed
from planners.model import StepId
from planners.optimal.decompose.goals import GoalText
from planners.plans import Plan
from planners.scopes import part_of
from planners.tasks import Task
from planners.workflow import Goal, Node, NodeBase, Step, Workflow

_WHOLE = StepId("goal")
_Kind = TypeVar("_Kind", bound=NodeBase)


class PartialWorkflow:
    """The workflow of a task. Each of its goals is open until `close`."""

    def __init__(self, task: Task, declared: Workflow | None = None) -> None:
        self._task = task
        self._declared = declared or task.plannable or _of_goal(task)
        self.goals: dict[StepId, Goal] = {node.id: node for node in self._declared.walk() if isinstance(node, Goal)}
        self._steps: dict[StepId, list[Step]] = {goal: [] for goal in self.goals}
        self._closed: set[StepId] = set()

    @classmethod
    def of_plan(cls, task: Task, plan: Plan) -> "PartialWorkflow":
        """The finished workflow of a task that is just a goal, with the steps of an earlier plan."""
        workflow = cls(task)
        for planned in plan.steps:
            workflow.confirm(_WHOLE, planned.step)
        workflow.close(_WHOLE)
        return workflow

    def restore(self, steps: Mapping[StepId, Iterable[Step]]) -> Self:
        """The finished workflow with the steps of its goals, as `steps_by_goal` gave them."""
        self._steps = {goal: list(steps[goal]) for goal in self.goals}
        self._closed = set(self.goals)
        return self

    @property
    def steps_by_goal(self) -> dict[StepId, tuple[Step, ...]]:
        """The steps confirmed so far, with ids and bindings of the whole workflow."""
        return {goal: tuple(steps) for goal, steps in self._steps.items()}

    @property
    def open_goals(self) -> Collection[StepId]:
        """The goals that are not decomposed yet."""
        return self.goals.keys() - self._closed

    @property
    def complete(self) -> bool:
        """Whether no goal is open."""
        return len(self._closed) == len(self.goals)

    def text(self, goal_id: StepId) -> GoalText:
        """One goal as a decomposer gets it. Inputs bound to task inputs and literals are known now.

        Raises:
            DecomposeFailed: an input is bound to a part of a task input that does not exist.
        """
        goal, known, later = self.goals[goal_id], {}, []
        for name, binding in goal.inputs.items():
            match binding:
                case Value(value=value):
                    known[name] = value
                # Other names are inputs of a workflow around, known when the workflow is unrolled.
                case InputRef(input=source, path=path) if source in self._task.values:
                    known[name] = self._task_value(goal_id, source, path)
                case _:
                    later.append(name)
        return GoalText(text=goal.goal, inputs=known, later=tuple(later))

    def _task_value(self, goal_id: StepId, name: str, path: Path) -> Any:
        try:
            return follow(self._task.values[name], path)
        except LookupError as error:
            raise DecomposeFailed(
                f"goal '{goal_id}' reads '$inputs.{name}', which has {error.args[0]}", "goal"
            ) from error

    def confirm(self, goal_id: StepId, step: Step) -> None:
        """Add a step to a goal. Its ``$inputs`` are those of the goal, its ``$steps`` are steps of the same goal."""
        goal = self.goals[goal_id]
        after = tuple(self._inner(goal_id, parent) for parent in step.after)
        self._steps[goal_id].append(
            step.model_copy(
                update={
                    "id": self._inner(goal_id, step.id),
                    "inputs": {name: self._rebound(goal, binding) for name, binding in step.inputs.items()},
                    "after": after if step.parents else (*goal.after, *after),
                }
            )
        )

    def close(self, goal_id: StepId) -> None:
        """No more steps will come for this goal.

        Raises:
            DecomposeFailed: it has no step at all.
        """
        if not self._steps[goal_id]:
            raise DecomposeFailed("the goal was decomposed into no step", "goal", "say what is wanted, or add agents")
        self._closed.add(goal_id)

    def workflow(self) -> Workflow:
        """The workflow as known so far."""
        outputs = dict(self._declared.outputs)
        if not outputs and self._task.workflow is not None:
            read = {ref for node in self._declared.steps for ref in node.refs}
            outputs = {node.id: StepRef(step=node.id) for node in self._declared.steps if node.id not in read}
        return Workflow(
            steps=self._filled(self._declared.steps),
            outputs={name: self._resolved(binding) for name, binding in outputs.items()},
        )

    def _inner(self, goal_id: StepId, step_id: StepId) -> StepId:
        return step_id if self._task.workflow is None else StepId(f"{goal_id}/{step_id}")

    def _rebound(self, goal: Goal, binding: Binding) -> Binding:
        def rebound(leaf: Leaf) -> Binding:
            match leaf:
                case InputRef(input=name, path=path):
                    return _part(goal.inputs[name], path)
                case StepRef(step=step, path=path):
                    return StepRef(step=self._inner(goal.id, step), path=path)
                case _:
                    return leaf

        return map_binding(binding, rebound)

    def _filled(self, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        filled: list[Node] = []
        for node in nodes:
            if isinstance(node, Goal):
                filled += self._steps_of(node.id)
                if node.id not in self._closed:
                    filled.append(self._resolved_node(node))
            else:
                filled.append(self._resolved_node(node))
        return tuple(filled)

    def _steps_of(self, goal_id: StepId) -> list[Step]:
        """The steps of a goal. If the task is just a goal, they refer only to each other, whatever their ids."""
        steps = self._steps[goal_id]
        return steps if self._task.workflow is None else [self._resolved_node(step) for step in steps]

    def _resolved_node(self, node: _Kind) -> _Kind:
        branches = [
            branch.model_copy(
                update={"steps": self._filled(branch.steps), "output": self._output_of(branch.output_step)}
            )
            for _, branch in node.branches
        ]
        resolved = node.rebound(lambda _, binding: self._resolved(binding), self._resolved_leaf)
        return resolved.with_branches(branches).model_copy(update={"after": self._after(node.after)})

    def _resolved(self, binding: Binding) -> Binding:
        """A reference to a finished goal becomes a reference to the step that produces its output."""
        return map_binding(binding, self._resolved_leaf)

    def _resolved_leaf(self, leaf: Leaf) -> Leaf:
        return StepRef(step=self._output_of(leaf.step), path=leaf.path) if isinstance(leaf, StepRef) else leaf

    def _output_of(self, node_id: StepId) -> StepId:
        return self._sinks(node_id)[-1]

    def _after(self, ids: tuple[StepId, ...]) -> tuple[StepId, ...]:
        return tuple(dict.fromkeys(sink for node_id in ids for sink in self._sinks(node_id)))

    def _sinks(self, node_id: StepId) -> list[StepId]:
        """The steps of a finished goal that none of its steps reads; for any other node, the node itself."""
        if node_id not in self._closed:
            return [node_id]
        steps = self._steps[node_id]
        read = {parent for step in steps for parent in step.parents}
        return [step.id for step in steps if step.id not in read]


def _of_goal(task: Task) -> Workflow:
    inputs: dict[str, Binding] = {name: InputRef(input=name) for name in task.inputs}
    return Workflow(steps=(Goal(id=_WHOLE, goal=task.goal or "", inputs=inputs),))


def _part(binding: Binding, path: Path) -> Binding:
    """The part of the binding of a goal's input.

    Raises:
        DecomposeFailed: the step reads a part that does not exist.
    """
    try:
        return part_of(binding, path)
    except LookupError as error:
        raise DecomposeFailed(f"a goal's input has {error.args[0]}", "goal") from error
