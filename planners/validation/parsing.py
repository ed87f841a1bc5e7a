"""Parsing submitted documents within bounds of time and memory.

Each part of a task (a field of a node, an input, an element of a list of bindings) takes time to parse, and far more
if it is wrong. So the parts are counted first. Task inputs and literals are free: only the body limit bounds them.
"""

from collections.abc import Iterator
from typing import Any

from planners.bindings import refers
from planners.errors import InvalidTask
from planners.tasks import Task
from planners.workflow import FAIL_FAST

MAX_NODES = 10_000
MAX_PARTS = 100_000
# Bounds for a single object. No model has as many fields.
_MOST_FIELDS, _MOST_NAMES = 50, 2_000
# Of documents with fewer parts every wrong node is reported, of larger ones the first.
_SMALL = 2_000
# Fields of nodes, besides `steps`, that hold nodes: a list of them, or an object with one.
_LISTS = frozenset({"parallel", "loop", "try", "tried", "fallback", "else", "otherwise"})


def parse(document: Any) -> Task:
    """The task in a JSON document.

    Raises:
        InvalidTask: the document is too large to be parsed.
        ValidationError: it is not a well-formed task.
    """
    count = _Count()
    count.task(document)
    return Task.model_validate(document, context={FAIL_FAST: count.parts > _SMALL})


class _Count:
    """Counts the parts of a document of any form; raises InvalidTask at the first bound that is exceeded."""

    def __init__(self) -> None:
        self.parts = 0
        self._nodes = 0

    def task(self, document: Any) -> None:
        task = self._object(document, "")
        workflow = self._object(task.get("workflow"), "workflow")
        self._workflow_nodes(workflow.get("steps"))
        self._bindings(workflow.get("outputs"), "workflow.outputs")
        for name in ("objective", "limits"):
            self._object(task.get(name), name)
        plan = self._object(self._object(task.get("planning"), "planning").get("plan"), "planning.plan")
        for planned in self._list_of_nodes(plan.get("steps"), "planning.plan.steps"):
            self._object(self._object(planned, "planning.plan.steps").get("placement"), "planning.plan.steps")
            self._node(planned.get("step") if isinstance(planned, dict) else None, "planning.plan.steps")
        self._add(_length(plan.get("pending")), "planning.plan.pending")
        self._bindings(plan.get("outputs"), "planning.plan.outputs")

    def _workflow_nodes(self, nodes: Any) -> None:
        levels = [nodes]
        while levels:
            for node in self._list_of_nodes(levels.pop(), "workflow.steps"):
                self._node(node, "workflow.steps")
                if isinstance(node, dict):
                    levels += self._lists_inside(node)

    def _lists_inside(self, node: dict[str, Any]) -> list[Any]:
        """The lists of nodes inside a node, whatever its kind."""
        branches = [node, *(node["route"] if isinstance(node.get("route"), list) else ())]
        self._add(len(branches), "workflow.steps")
        found = [branch.get("steps") for branch in branches if isinstance(branch, dict)]
        for name in node.keys() & _LISTS:
            inside = node[name]
            found.append(inside.get("steps") if isinstance(inside, dict) else inside)
        return found

    def _list_of_nodes(self, nodes: Any, field: str) -> Iterator[Any]:
        if isinstance(nodes, list):
            self._nodes += len(nodes)
            if self._nodes > MAX_NODES:
                message = f"there are {self._nodes} steps or more, and the limit is {MAX_NODES}"
                raise InvalidTask(message, field, "split the task, or use for_each")
            yield from nodes

    def _node(self, raw: Any, field: str) -> None:
        node = self._object(raw, field)
        self._add(_length(node.get("after")), field)
        for name in ("inputs", "state", "next"):
            self._bindings(node.get(name), field)
        self._binding(node.get("for_each"), field)
        if "join" in node:
            self._add(_length(self._object(node["join"], field).get("steps")), field)
        if "compensate" in node:
            self._bindings(self._object(node["compensate"], field).get("inputs"), field)

    def _bindings(self, raw: Any, field: str) -> None:
        if isinstance(raw, dict):
            if len(raw) > _MOST_NAMES:
                message = f"there are {len(raw)} names, and the limit is {_MOST_NAMES}"
                raise InvalidTask(message, field, "pass a list or an object instead")
            self._add(len(raw), field)
            for binding in raw.values():
                if isinstance(binding, dict | list) or (isinstance(binding, str) and binding.startswith("$")):
                    self._binding(binding, field)

    def _binding(self, raw: Any, field: str) -> None:
        pending = [raw]
        while pending:
            binding = pending.pop()
            if isinstance(binding, str) and binding.startswith("$"):
                self._add(binding.count(".") // 8, field)
            elif isinstance(binding, list) and _refers(binding):
                self._add(2 * len(binding), field)
                pending.extend(binding)
            elif isinstance(binding, dict):
                # The long form takes several times as long to parse as shorthand.
                self._add(4 + _length(binding.get("path")), field)
                for parts in (binding.get("gather"), binding.get("composed"), binding):
                    if isinstance(parts, list | dict) and (parts is not binding or _refers(binding)):
                        self._add(2 * len(parts), field)
                        pending.extend(parts.values() if isinstance(parts, dict) else parts)

    def _object(self, raw: Any, field: str) -> dict[str, Any]:
        if not isinstance(raw, dict):
            return {}
        if len(raw) > _MOST_FIELDS:
            message = f"an object has {len(raw)} fields"
            raise InvalidTask(message, field, "`forerun schema task` prints the fields that exist")
        self._add(len(raw), field)
        return raw

    def _add(self, parts: int, field: str) -> None:
        self.parts += parts
        if self.parts > MAX_PARTS:
            message = f"steps have more than {MAX_PARTS} fields, inputs and dependencies together"
            raise InvalidTask(message, field, "split the task, or use for_each")


def _refers(raw: Any) -> bool:
    """Whether it is made of bindings. References that are too deep are refused when they are parsed."""
    try:
        return refers(raw)
    except ValueError:
        return False


def _length(raw: Any) -> int:
    return len(raw) if isinstance(raw, list) else 0
