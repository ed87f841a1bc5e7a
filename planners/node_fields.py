"""Fields that several kinds of nodes share, and the values that they take."""

from collections.abc import Callable
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, JsonValue, model_serializer, model_validator

from planners.bindings import Binding, Leaf, Value
from planners.expressions.references import parsed
from planners.model import Model, StepId
from planners.policies import ApprovalFields, CallbackFields, Failing, Join

# A text matches in one way at most. With more, Python tries all of them before it rejects a hostile id.
ID_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_:/-]*(\[\d+\](/[A-Za-z0-9_:/-]+)?)*$"
Id = Annotated[
    StepId,
    Field(
        min_length=1,
        max_length=200,
        pattern=ID_PATTERN,
        description="Unique among the nodes beside it. Others refer to its output as `$steps.ID`",
    ),
]
# Maps the binding of a field.
Bind = Callable[[str, Binding], Binding]
# Maps the references of conditions.
Rename = Callable[[Leaf], Leaf]


def _condition(text: str) -> str:
    parsed(text)
    return text


# An expression in CEL; see `planners.expressions`.
Condition = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_condition)]


class Default(Model):
    """What stands in for the output of a node that is skipped. Written as the bare value, which may be null."""

    value: JsonValue = Field(description="The output")

    @model_serializer
    def _bare(self) -> Any:
        return self.value


def as_default(raw: Any) -> Any:
    """A bare value as a `Default`."""
    return raw if isinstance(raw, Default) else Default(value=raw)


# The node whose output is that of a block.
Output = Annotated[
    StepId | None, Field(description="The node inside whose output is that of the block. Default: the last")
]


class NodeFields(Failing):
    """The fields of every kind of node."""

    id: Id
    after: tuple[StepId, ...] = Field(
        default=(), description="Nodes that must end before this one starts, besides those whose outputs it reads"
    )
    join: Join | None = Field(
        default=None,
        exclude_if=lambda join: join is None,
        description="Nodes of which it need not wait for all",
    )
    title: str = Field(default="", description="A title for people; it is not part of the work")
    # Left out of documents where there is none, because there null is a value.
    default: Annotated[Default | None, BeforeValidator(as_default, json_schema_input_type=JsonValue)] = Field(
        default=None,
        exclude_if=lambda default: default is None,
        description="What stands in for the output if the node is skipped; may be null",
    )


def optional_s(told: str) -> Any:
    """A field for seconds, left out of documents where there are none."""
    return Field(default=None, gt=0, allow_inf_nan=False, exclude_if=lambda seconds: seconds is None, description=told)


class WithInputs(Model):
    """The part of a node that reads values by name."""

    inputs: dict[str, Binding] = Field(
        default_factory=dict,
        description="Inputs by name: literals, or references such as `$inputs.NAME` and `$steps.ID`",
    )

    @property
    def bindings(self) -> list[tuple[str, Binding]]:
        """(field, binding) of its inputs."""
        return [(f"inputs.{name}", binding) for name, binding in self.inputs.items()]

    def rebound(self, bind: Bind, rename: Rename | None = None) -> Self:
        """The node with its inputs mapped."""
        return self.model_copy(
            update={"inputs": {name: bind(f"inputs.{name}", of) for name, of in self.inputs.items()}}
        )


class Using(WithInputs):
    """The part of a node that names a workflow of the catalog. ``version``: by default the last one in the catalog."""

    use: str = Field(min_length=1, max_length=200, description="The name of a workflow of the catalog")
    version: str | None = Field(
        default=None,
        exclude_if=lambda version: version is None,
        description="Its version; by default the last one in the catalog",
    )


class Pausing(Model):
    """The part of a node that says how long it pauses: a number of seconds, or a reference to one."""

    wait: Binding = Field(description="Seconds, or a reference to a number of seconds")

    @property
    def bindings(self) -> list[tuple[str, Binding]]:
        """The seconds."""
        return [("wait", self.wait)]

    def rebound(self, bind: Bind, rename: Rename | None = None) -> Self:
        """The node with its seconds mapped."""
        return self.model_copy(update={"wait": bind("wait", self.wait)})

    def told(self) -> dict[str, Binding]:
        """The inputs of the step that stands for it."""
        return {"seconds": self.wait}


class AskingPerson(WithInputs, ApprovalFields):
    """The part of a node that asks a person."""

    approval: str = Field(min_length=1, max_length=10_000, description="The question")

    def told(self) -> dict[str, Binding]:
        """The inputs of the step that stands for it."""
        terms = {name: Value(value=value) for name, value in self.terms().items()}
        return {**self.inputs, **terms, "question": Value(value=self.approval)}


class AskingSystem(WithInputs, CallbackFields):
    """The part of a node that waits for a message."""

    callback: str = Field(min_length=1, max_length=10_000, description="What is waited for")

    def told(self) -> dict[str, Binding]:
        """The inputs of the step that stands for it."""
        terms = {name: Value(value=value) for name, value in self.terms().items()}
        return {**self.inputs, **terms, "question": Value(value=self.callback)}


class Looping(Model):
    """How a loop goes on from turn to turn, and when it ends."""

    state: dict[str, Binding] = Field(
        default_factory=dict,
        description="What ``$state.NAME`` stands for in the first turn. ``$state.turn`` counts the turns from 0",
    )
    next: dict[str, Binding] = Field(
        default_factory=dict,
        description="What it stands for in the following turn, in terms of this turn's steps; what is not named stays",
    )
    until: Condition | None = Field(default=None, description="Ends the loop after the turn in which it holds")
    go_on: Condition | None = Field(
        default=None,
        validation_alias=AliasChoices("while", "go_on"),
        description="Written ``while``; ends the loop before a turn in which it does not hold",
    )
    max: int = Field(ge=1, le=10_000, strict=True, description="The loop ends after so many turns in any case")

    @model_validator(mode="after")
    def _state_is_declared(self) -> Self:
        if "turn" in self.state:
            raise ValueError("$state.turn counts the turns; choose another name for the state")
        if unknown := self.next.keys() - self.state.keys():
            raise ValueError(f"next names {min(unknown)}, which is not in state; give it a value for the first turn")
        return self

    @property
    def bindings(self) -> list[tuple[str, Binding]]:
        """The state of the first turn."""
        return [(f"state.{name}", binding) for name, binding in self.state.items()]

    @property
    def conditions(self) -> list[tuple[str, Condition]]:
        """What is asked before a turn."""
        return [] if self.go_on is None else [("while", self.go_on)]

    @property
    def inner_bindings(self) -> list[tuple[str, Binding]]:
        """The state of the following turn."""
        return [(f"next.{name}", binding) for name, binding in self.next.items()]

    @property
    def inner_conditions(self) -> list[tuple[str, Condition]]:
        """What is asked after a turn."""
        return [] if self.until is None else [("until", self.until)]

    def rebound(self, bind: Bind, rename: Rename | None = None) -> Self:
        """The node with its bindings and the names in its conditions mapped."""
        update: dict[str, Any] = {
            "state": {name: bind(f"state.{name}", binding) for name, binding in self.state.items()},
            "next": {name: bind(f"next.{name}", binding) for name, binding in self.next.items()},
        }
        if rename is not None:
            for field, text in (("until", self.until), ("go_on", self.go_on)):
                update[field] = text and parsed(text).renamed(rename)
        return self.model_copy(update=update)
