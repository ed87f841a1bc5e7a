"""The kinds of nodes that a declared workflow is made of.

Each kind has a key of its own (``capability``, ``for_each``, ``route``, ``goal``), so new kinds can be added without
changing documents. What does not depend on the kind goes through `NodeBase`: a node has bindings and conditions of its
own, and branches, the lists of nodes inside it.
"""

from collections.abc import Sequence
from functools import cache, cached_property
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Discriminator,
    FailFast,
    Field,
    Tag,
    TypeAdapter,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from planners import node_fields as fields
from planners.bindings import Binding, step_refs
from planners.built_in_names import APPROVAL, CALLBACK, WAIT
from planners.expressions.references import parsed
from planners.model import AgentName, Model, StepId
from planners.node_fields import Bind, Condition, Rename
from planners.policies import CompletionPolicy
from planners.step_policies import StepPolicies


class NodeBase(fields.NodeFields):
    """What all kinds of nodes have in common.

    A node whose input is the output of a skipped node, or that is ``after`` one, is skipped itself, unless the skipped
    node declares a ``default``. ``title`` is for people and not part of the work.
    """

    # The field of the list of nodes inside, of kinds that have one.
    inside: ClassVar[str] = ""

    @property
    def bindings(self) -> list[tuple[str, Binding]]:
        """(field, binding) of its own, without those of nodes inside."""
        return []

    @property
    def conditions(self) -> list[tuple[str, Condition]]:
        """(field, expression) of its own."""
        return []

    @property
    def branches(self) -> "list[tuple[str, Branch]]":
        """(field, branch) of the lists of nodes inside."""
        if not self.inside or (steps := getattr(self, self.inside)) is None:
            return []
        return [(self.inside, Branch.model_construct(steps=steps, output=getattr(self, "output", None)))]

    @property
    def inner_bindings(self) -> list[tuple[str, Binding]]:
        """(field, binding) of its own that see the nodes of its only branch."""
        return []

    @property
    def inner_conditions(self) -> list[tuple[str, Condition]]:
        """(field, expression) of its own that see the nodes of its only branch."""
        return []

    def rebound(self, bind: Bind, rename: Rename | None = None) -> Self:
        """The node with its own bindings mapped, and with other references in its conditions."""
        return self

    def with_branches(self, branches: "Sequence[Branch]") -> Self:
        """The node with other branches, in the same order."""
        if not self.inside or not branches:
            return self
        update = {self.inside: branches[0].steps}
        return self.model_copy(update=update | ({"output": branches[0].output} if hasattr(self, "output") else {}))

    @cached_property
    def own_refs(self) -> tuple[StepId, ...]:
        """The ids that this node itself refers to, once each."""
        found = [ref.step for _, binding in self.bindings for ref in step_refs(binding)]
        found += [step for _, condition in self.conditions for step in parsed(condition).steps]
        return tuple(dict.fromkeys((*found, *self.after)))

    @cached_property
    def refs(self) -> tuple[StepId, ...]:
        """The ids outside itself that this node, or a node inside, refers to, once each."""
        found = list(self.own_refs)
        for _, branch in self.branches:
            inner = {child.id for child in branch.steps}
            read = [ref.step for _, binding in self.inner_bindings for ref in step_refs(binding)]
            read += [step for _, condition in self.inner_conditions for step in parsed(condition).steps]
            found += [ref for ref in (*read, *(r for child in branch.steps for r in child.refs)) if ref not in inner]
        return tuple(dict.fromkeys(found))


class Step(fields.WithInputs, StepPolicies, NodeBase):
    """One piece of work, named by its capability."""

    capability: str = Field(min_length=1, description="What is to be done: the capability of some agent")
    agent: AgentName | None = Field(default=None, description="Only this agent. Default: the planner chooses")
    min_quality: float | None = Field(default=None, ge=0, le=1, description="No agent of lower quality")

    @cached_property
    def data_parents(self) -> tuple[StepId, ...]:
        """The steps whose output this step reads, once each, in binding order."""
        refs = (ref.step for binding in self.inputs.values() for ref in step_refs(binding))
        return tuple(dict.fromkeys(refs))

    @cached_property
    def parents(self) -> tuple[StepId, ...]:
        """All steps that must end before this step starts: data parents, then ``after``."""
        return tuple(dict.fromkeys((*self.data_parents, *self.after)))

    @cached_property
    def own_refs(self) -> tuple[StepId, ...]:
        """The ids that this step refers to."""
        return self.parents

    @cached_property
    def refs(self) -> tuple[StepId, ...]:
        """The same."""
        return self.parents


class Goal(fields.WithInputs, NodeBase):
    """A part of a workflow given as a goal in plain words. The planner decomposes it in place."""

    goal: str = Field(min_length=1, description="What to do, in plain words")


class WaitingNode(NodeBase):
    """A node that the run itself plays: it waits durably and holds nothing. It becomes one flat step."""

    played_by: ClassVar[str]

    def as_step(self) -> Step:
        """The step that stands for it in a flat workflow."""
        common: dict[str, Any] = {name: getattr(self, name, None) for name in (*NodeBase.model_fields, "timeout_s")}
        return Step.model_construct(**common, capability=self.played_by, inputs=self.told())

    def told(self) -> dict[str, Binding]:
        """The inputs of the step."""
        raise NotImplementedError


class Wait(fields.Pausing, WaitingNode):
    """A pause: its output, null, is there so many seconds after the nodes that it is ``after``."""

    played_by: ClassVar[str] = WAIT


class Approval(fields.AskingPerson, WaitingNode):
    """A question to a person, who approves or rejects. ``inputs`` are what the person should look at."""

    played_by: ClassVar[str] = APPROVAL


class Callback(fields.AskingSystem, WaitingNode):
    """A message from outside, which is the output. ``callback`` says what is waited for."""

    played_by: ClassVar[str] = CALLBACK


class Branch(Model):
    """Nodes inside another one. ``output`` names the one whose output is that of the branch (default: the last)."""

    steps: "Nodes" = Field(description="The nodes inside")
    output: fields.Output = None

    @property
    def output_step(self) -> StepId:
        """The node whose output is that of the branch."""
        return self.output or self.steps[-1].id


class FanOutNode(NodeBase, CompletionPolicy):
    """A node with elements, whose outputs are gathered in the order of the elements; what is missing is left out."""


class ForEach(FanOutNode, Branch):
    """The same steps for every element of a list. The outputs of ``output`` (default: the last step) are gathered."""

    inside: ClassVar[str] = "steps"

    for_each: Binding = Field(
        description="The list: `$inputs.NAME`, `$steps.ID`, or literals. Steps inside read an element as `$item`"
    )

    @property
    def bindings(self) -> list[tuple[str, Binding]]:
        """The list that it runs over."""
        return [("for_each", self.for_each)]

    def rebound(self, bind: Bind, rename: Rename | None = None) -> Self:
        """See `NodeBase.rebound`."""
        return self.model_copy(update={"for_each": bind("for_each", self.for_each)})


class Parallel(FanOutNode):
    """Nodes side by side, each of them an element. Their outputs are gathered."""

    inside: ClassVar[str] = "parallel"

    parallel: "Nodes" = Field(description="Nodes that run side by side")


class Case(Branch):
    """One way of a route, taken if ``when`` is the first condition that holds."""

    when: Condition = Field(description="The condition, an expression in CEL over inputs and outputs")


def _as_branch(raw: Any) -> Any:
    return {"steps": raw} if isinstance(raw, list | tuple) else raw


class Route(NodeBase):
    """A choice: the steps of the first case whose condition holds, or of ``else``. Those of the others are skipped.

    The output is that of the branch that is taken. If none is taken, the route is skipped.
    """

    route: tuple[Case, ...] = Field(
        min_length=1, max_length=1_000, description="The cases, in the order in which they are tried"
    )
    otherwise: Annotated[Branch | None, BeforeValidator(_as_branch)] = Field(
        default=None,
        validation_alias=AliasChoices("else", "otherwise"),
        description="Written `else`: the nodes that run if no condition holds",
    )

    @property
    def conditions(self) -> list[tuple[str, Condition]]:
        """Those of its cases."""
        return [(f"route.{number}.when", case.when) for number, case in enumerate(self.route)]

    @property
    def branches(self) -> list[tuple[str, Branch]]:
        """Its cases in order, then ``else``."""
        cases: list[tuple[str, Branch]] = [(f"route.{number}.steps", case) for number, case in enumerate(self.route)]
        return cases if self.otherwise is None else [*cases, ("else.steps", self.otherwise)]

    def rebound(self, bind: Bind, rename: Rename | None = None) -> Self:
        """See `NodeBase.rebound`."""
        if rename is None:
            return self
        cases = [case.model_copy(update={"when": parsed(case.when).renamed(rename)}) for case in self.route]
        return self.model_copy(update={"route": tuple(cases)})

    def with_branches(self, branches: Sequence[Branch]) -> Self:
        """See `NodeBase.with_branches`."""
        cases = [
            case.model_copy(update={"steps": branch.steps, "output": branch.output})
            for case, branch in zip(self.route, branches, strict=False)
        ]
        otherwise = None if self.otherwise is None else branches[-1]
        return self.model_copy(update={"route": tuple(cases), "otherwise": otherwise})


class Loop(fields.Looping, NodeBase):
    """Steps that are repeated, with a state that is carried from turn to turn.

    The output is that of ``output`` (default: the last step) in the last turn. Without any turn, the loop is skipped.
    """

    inside: ClassVar[str] = "loop"

    loop: "Nodes" = Field(description="The nodes of a turn")
    output: fields.Output = None


class Use(fields.Using, NodeBase):
    """A workflow of the catalog in place of a step. Its steps read ``inputs`` and nothing else.

    The output is that of the workflow. ``steps`` and ``output`` are filled in when the task is admitted, so that a task
    keeps the workflow with which it was admitted; see `planners.linking`.
    """

    inside: ClassVar[str] = "steps"

    steps: "Nodes | None" = Field(
        default=None, exclude_if=lambda steps: steps is None, description="Filled in when the task is admitted"
    )
    output: StepId | None = Field(
        default=None, exclude_if=lambda output: output is None, description="Filled in when the task is admitted"
    )


KINDS: dict[str, type[NodeBase]] = {
    "use": Use,
    "loop": Loop,
    "wait": Wait,
    "approval": Approval,
    "callback": Callback,
    "for_each": ForEach,
    "parallel": Parallel,
    "goal": Goal,
    "route": Route,
    "capability": Step,
}


def _node_kind(raw: Any) -> str | None:
    # hasattr is slow on pydantic models that lack the attribute, and this runs for every node.
    names = raw if isinstance(raw, dict) else getattr(type(raw), "model_fields", ())
    for key in KINDS:
        if key in names:
            return key
    return "capability"


Node = Annotated[
    Annotated[Step, Tag("capability")]
    | Annotated[ForEach, Tag("for_each")]
    | Annotated[Parallel, Tag("parallel")]
    | Annotated[Route, Tag("route")]
    | Annotated[Use, Tag("use")]
    | Annotated[Loop, Tag("loop")]
    | Annotated[Wait, Tag("wait")]
    | Annotated[Approval, Tag("approval")]
    | Annotated[Callback, Tag("callback")]
    | Annotated[Goal, Tag("goal")],
    Discriminator(_node_kind),
]
FAIL_FAST = "fail_fast"


def _listed(raw: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """Stop at the first wrong node if the context asks for it: pydantic's errors take far more room than the nodes."""
    if info.context is None or not info.context.get(FAIL_FAST):
        return handler(raw)
    return _fail_fast_nodes().validate_python(raw, context=info.context)


Nodes = Annotated[tuple[Node, ...], Field(min_length=1), WrapValidator(_listed)]
for _model in (Branch, ForEach, Parallel, Case, Route, Loop, Use):
    _model.model_rebuild()


@cache
def _fail_fast_nodes() -> TypeAdapter[tuple[Node, ...]]:
    return TypeAdapter(Annotated[tuple[Node, ...], FailFast(), Field(min_length=1)])
