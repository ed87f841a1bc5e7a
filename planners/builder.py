"""Builds workflows in Python. What it builds equals the workflow that the same document in YAML or JSON gives."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError

from planners.terms import Term, ValueRef, plain
from planners.validation.explanations import explain
from planners.workflow import Workflow

Document = dict[str, Any]
Inputs = Mapping[str, Any]


class NodeBlock:
    """A node with nodes inside. ``output`` is what others read of it."""

    def __init__(self, builder: "WorkflowBuilder", node: Document) -> None:
        self._builder = builder
        self._node = node

    @property
    def output(self) -> ValueRef:
        """Its output."""
        return ValueRef("steps", self._node["id"])

    def gives(self, step: "str | ValueRef | NodeBlock") -> None:
        """Make this node inside the one whose output is that of the block (default: the last)."""
        self._node["output"] = _id(step)


class LoopBlock(NodeBlock):
    """A loop. Said inside it, once the steps of a turn are there: when it ends, and the state of the next turn."""

    def until(self, condition: "str | Term") -> None:
        """End the loop after a turn in which this holds."""
        self._node["until"] = plain(condition)

    def next(self, state: Inputs) -> None:
        """The state of the following turn; what is not named stays."""
        self._node["next"] = _bindings(state)


class TryBlock(NodeBlock):
    """Nodes that may fail, and those that run then."""

    @contextmanager
    def fallback(self) -> Iterator[NodeBlock]:
        """The nodes to run if one of the first has failed."""
        branch: Document = {"steps": []}
        self._node["fallback"] = branch
        with self._builder.inside(branch["steps"]):
            yield NodeBlock(self._builder, branch)


class RouteBlock(NodeBlock):
    """A route. Its cases are tried in the order in which they are written."""

    @contextmanager
    def case(self, when: "str | Term") -> Iterator[NodeBlock]:
        """The nodes to run if this is the first condition that holds."""
        branch: Document = {"when": plain(when), "steps": []}
        self._node["route"].append(branch)
        yield from self._branch(branch)

    @contextmanager
    def otherwise(self) -> Iterator[NodeBlock]:
        """The nodes to run if no condition holds."""
        branch: Document = {"steps": []}
        self._node["else"] = branch
        yield from self._branch(branch)

    def _branch(self, branch: Document) -> Iterator[NodeBlock]:
        with self._builder.inside(branch["steps"]):
            yield NodeBlock(self._builder, branch)


class WorkflowBuilder:
    """A workflow that grows node by node. Nodes added inside a ``with`` belong to the block that it opens.

    Each method takes the id of the node, what the kind of node needs, and further fields by name, such as ``after``,
    ``timeout_s``, ``on_failure`` and ``default``. It returns a reference to the node's output, or the block.

        flow = WorkflowBuilder()
        triage = flow.step("triage", "classify", {"mail": flow.inputs.mail})
        with flow.route("answer") as answer:
            with answer.case((triage.label == "refund") & (flow.inputs.amount < 100)):
                flow.step("refund", "refund")
            with answer.otherwise():
                flow.step("ask", "ask")
        flow.step("send", "send", {"text": answer.output})
        workflow = flow.build()
    """

    inputs = ValueRef("inputs")
    item = ValueRef("item")
    state = ValueRef("state")
    context = ValueRef("context")

    def __init__(self) -> None:
        self._steps: list[Document] = []
        self._level = self._steps
        self._added: Document = {}
        self._outputs: dict[str, Any] = {}

    def step(self, id: str, capability: str, inputs: Inputs | None = None, **fields: Any) -> ValueRef:  # noqa: A002
        """A step: a piece of work, named by its capability."""
        return self._add(id, {"capability": capability, **_inputs(inputs)}, fields)

    def goal(self, id: str, goal: str, inputs: Inputs | None = None, **fields: Any) -> ValueRef:  # noqa: A002
        """A part of the workflow in plain words."""
        return self._add(id, {"goal": goal, **_inputs(inputs)}, fields)

    def use(self, id: str, workflow: str, inputs: Inputs | None = None, **fields: Any) -> ValueRef:  # noqa: A002
        """A workflow of the catalog."""
        return self._add(id, {"use": workflow, **_inputs(inputs)}, fields)

    def wait(self, id: str, seconds: "float | ValueRef", **fields: Any) -> ValueRef:  # noqa: A002
        """A pause."""
        return self._add(id, {"wait": _binding(seconds)}, fields)

    def approval(self, id: str, question: str, inputs: Inputs | None = None, **fields: Any) -> ValueRef:  # noqa: A002
        """A question to a person."""
        return self._add(id, {"approval": question, **_inputs(inputs)}, fields)

    def callback(self, id: str, what: str, inputs: Inputs | None = None, **fields: Any) -> ValueRef:  # noqa: A002
        """A message from outside."""
        return self._add(id, {"callback": what, **_inputs(inputs)}, fields)

    @contextmanager
    def for_each(self, id: str, over: Any, **fields: Any) -> Iterator[NodeBlock]:  # noqa: A002
        """The nodes inside for each element of a list, which they read as ``item``."""
        steps: list[Document] = []
        self._add(id, {"for_each": _binding(over), "steps": steps}, fields)
        with self.inside(steps):
            yield NodeBlock(self, self._added)

    @contextmanager
    def parallel(self, id: str, **fields: Any) -> Iterator[NodeBlock]:  # noqa: A002
        """The nodes inside side by side; the output is the list of their outputs."""
        steps: list[Document] = []
        self._add(id, {"parallel": steps}, fields)
        with self.inside(steps):
            yield NodeBlock(self, self._added)

    @contextmanager
    def loop(self, id: str, *, max: int, state: Inputs | None = None, **fields: Any) -> Iterator[LoopBlock]:  # noqa: A002
        """The nodes inside again and again, at most ``max`` times; ``go_on`` is the condition written ``while``."""
        steps: list[Document] = []
        more: Document = {} if state is None else {"state": _bindings(state)}
        self._add(id, {"loop": steps, "max": max, **more}, fields)
        with self.inside(steps):
            yield LoopBlock(self, self._added)

    @contextmanager
    def try_(self, id: str, **fields: Any) -> Iterator[TryBlock]:  # noqa: A002
        """The nodes inside, and those that ``fallback`` of the block opens in their place if one of them fails."""
        steps: list[Document] = []
        self._add(id, {"try": steps}, fields)
        with self.inside(steps):
            yield TryBlock(self, self._added)

    @contextmanager
    def route(self, id: str, **fields: Any) -> Iterator[RouteBlock]:  # noqa: A002
        """A choice among the branches that ``case`` and ``otherwise`` of the block open."""
        self._add(id, {"route": []}, fields)
        yield RouteBlock(self, self._added)

    def output(self, name: str, value: Any) -> None:
        """Make this an output of the task. Without any, the outputs of the nodes that no other reads are returned."""
        self._outputs[name] = _binding(value)

    def document(self) -> Document:
        """The workflow as a document."""
        return {"steps": self._steps, **({"outputs": self._outputs} if self._outputs else {})}

    def build(self) -> Workflow:
        """The workflow.

        Raises:
            InvalidTask: a node is not well-formed; names the field and the fix.
        """
        document = self.document()
        try:
            return Workflow.model_validate(document)
        except ValidationError as error:
            raise explain(error, Workflow, document)[0] from None

    @contextmanager
    def inside(self, steps: list[Document]) -> Iterator[None]:
        """Let nodes be added to another list. For blocks."""
        around, self._level = self._level, steps
        try:
            yield
        finally:
            self._level = around

    def _add(self, name: str, kind: Document, fields: Document) -> ValueRef:
        node: Document = {"id": name, **kind, **{key: _field(key, value) for key, value in fields.items()}}
        if "after" in fields:
            after = fields["after"]
            several = after if isinstance(after, Iterable) and not isinstance(after, str | Term) else [after]
            node["after"] = [_id(each) for each in several]
        if isinstance(join := fields.get("join"), Mapping) and "steps" in join:
            node["join"] = {**join, "steps": [_id(each) for each in join["steps"]]}
        self._level.append(node)
        self._added = node
        return ValueRef("steps", name)


def _inputs(inputs: Inputs | None) -> Document:
    return {} if inputs is None else {"inputs": _bindings(inputs)}


def _bindings(values: Inputs) -> Document:
    return {name: _binding(value) for name, value in values.items()}


def _binding(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_binding(part) for part in value]
    if isinstance(value, dict):
        return {name: _binding(part) for name, part in value.items()}
    if isinstance(value, Term) and not isinstance(value, ValueRef):
        return {"cel": value.cel}
    return plain(value.output if isinstance(value, NodeBlock) else value)


def _field(name: str, value: Any) -> Any:
    return _binding(value) if name == "compensate" else plain(value)


def _id(node: "str | ValueRef | NodeBlock") -> str:
    if isinstance(node, NodeBlock):
        return node.output.step
    return node.step if isinstance(node, ValueRef) else node
