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
    field_validator,
)

from planners import node_fields as fields
from planners.bindings import Binding
from planners.expressions.references import parsed
from planners.model import Model, StepId
from planners.node_fields import Bind, Condition, Rename
from planners.policies import CompletionPolicy, Join, OnFailure
from planners.steps import Approval, Callback, NodeBase, Step, Wait


class Goal(fields.WithInputs, NodeBase):
    """A part of a workflow given as a goal in plain words. The planner decomposes it in place."""

    goal: str = Field(min_length=1, description="What to do, in plain words")

    @field_validator("on_failure")
    @classmethod
    def _fails_with_its_steps(cls, value: OnFailure) -> OnFailure:
        if value is not OnFailure.FAIL:
            raise ValueError("a goal becomes steps, which fail one by one; put the goal into `try` or a route")
        return value

    @field_validator("join")
    @classmethod
    def _joins_nothing(cls, value: Join | None) -> Join | None:
        if value is not None:
            raise ValueError("a goal becomes steps; let a step before it join, and put the goal after that step")
        return value


class Branch(Model):
    """Nodes inside another one. ``output`` names the one whose output is that of the branch (default: the last)."""

    steps: "Nodes" = Field(description="The nodes inside")
    output: fields.Output = None

    @property
    def output_step(self) -> StepId:
        """The node whose output is that of the branch."""
        return self.output or self.steps[-1].id


class BlockNode(NodeBase):
    """A node with one list of nodes inside. ``inside``: its field."""

    inside: ClassVar[str]

    @property
    def branches(self) -> list[tuple[str, Branch]]:
        """See `NodeBase.branches`."""
        if (steps := getattr(self, self.inside)) is None:
            return []
        return [(self.inside, Branch.model_construct(steps=steps, output=getattr(self, "output", None)))]

    def with_branches(self, branches: Sequence[Branch]) -> Self:
        """See `NodeBase.with_branches`."""
        if not branches:
            return self
        update = {self.inside: branches[0].steps}
        return self.model_copy(update=update | ({"output": branches[0].output} if hasattr(self, "output") else {}))


class FanOutNode(BlockNode, CompletionPolicy):
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


class Try(NodeBase):
    """Steps, and others that run in their place if one of the first fails for good.

    The output is that of the first steps, or that of ``fallback`` if they have failed.
    """

    tried: "Nodes" = Field(validation_alias=AliasChoices("try", "tried"), description="Written `try`: the first steps")
    output: fields.Output = None
    fallback: Annotated[Branch, BeforeValidator(_as_branch)] = Field(
        description="The nodes that run if the first steps fail. They read what the node may read, and nothing inside"
    )

    @field_validator("on_failure")
    @classmethod
    def _has_a_fallback(cls, value: OnFailure) -> OnFailure:
        if value is not OnFailure.FAIL:
            raise ValueError("`fallback` says what happens; declare on_failure on the nodes of the fallback")
        return value

    @property
    def branches(self) -> list[tuple[str, Branch]]:
        """The first steps, then the fallback."""
        first = Branch.model_construct(steps=self.tried, output=self.output)
        return [("try", first), ("fallback.steps", self.fallback)]

    def with_branches(self, branches: Sequence[Branch]) -> Self:
        """See `NodeBase.with_branches`."""
        first, fallback = branches
        return self.model_copy(update={"tried": first.steps, "output": first.output, "fallback": fallback})


class Loop(fields.Looping, BlockNode):
    """Steps that are repeated, with a state that is carried from turn to turn.

    The output is that of ``output`` (default: the last step) in the last turn. Without any turn, the loop is skipped.
    """

    inside: ClassVar[str] = "loop"

    loop: "Nodes" = Field(description="The nodes of a turn")
    output: fields.Output = None


class Use(fields.Using, BlockNode):
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

    @cached_property
    def context_writes(self) -> tuple[str, ...]:
        """None: the workflow has a context of its own."""
        return ()


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
    "try": Try,
    "tried": Try,
    "capability": Step,
}


def _node_kind(raw: Any) -> str | None:
    # hasattr is slow on pydantic models that lack the attribute, and this runs for every node.
    names = raw if isinstance(raw, dict) else getattr(type(raw), "model_fields", ())
    for key in KINDS:
        if key in names:
            return "try" if key == "tried" else key
    return "capability"


Node = Annotated[
    Annotated[Step, Tag("capability")]
    | Annotated[ForEach, Tag("for_each")]
    | Annotated[Parallel, Tag("parallel")]
    | Annotated[Route, Tag("route")]
    | Annotated[Try, Tag("try")]
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
for _model in (Branch, ForEach, Parallel, Case, Route, Try, Loop, Use):
    _model.model_rebuild()


@cache
def _fail_fast_nodes() -> TypeAdapter[tuple[Node, ...]]:
    return TypeAdapter(Annotated[tuple[Node, ...], FailFast(), Field(min_length=1)])
