"""Named workflows: what a catalog defines once and tasks use as a step, with ``use: NAME``."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from planners.model import Model, StepId
from planners.nodes import Nodes

_TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object"})


def _as_schema(raw: Any) -> Any:
    """``amount: number`` is short for ``amount: {type: number}``."""
    if not isinstance(raw, str):
        return raw
    if raw not in _TYPES:
        raise ValueError(f"'{raw}' is not a type; write one of {', '.join(sorted(_TYPES))}, or a JSON schema")
    return {"type": raw}


InputName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]
# A JSON schema. With a ``default``, the input may be left out.
InputSchema = Annotated[
    dict[str, JsonValue], BeforeValidator(_as_schema, json_schema_input_type=str | dict[str, JsonValue])
]


class NamedWorkflow(Model):
    """A workflow of the catalog.

    Attributes:
        name: what tasks ``use``.
        version: several versions of a name may be in the catalog; those who name none use the last.
        description: for people.
        inputs: the JSON schema of each input, or just its type. One with a ``default`` may be left out.
        steps: its nodes. They read ``$inputs`` of this workflow, and nothing of the workflow around.
        output: the node whose output is that of the workflow (default: the last).
    """

    name: str = Field(
        min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", description="What tasks `use`"
    )
    version: str = Field(
        default="1", min_length=1, max_length=100, description="Several versions of a name may stand side by side"
    )
    description: str = Field(default="", description="For people")
    inputs: dict[InputName, InputSchema] = Field(
        default_factory=dict, description="The JSON schema of each input, or its type; one with a `default` is optional"
    )
    steps: Nodes = Field(description="Its nodes; they read `$inputs` of this workflow")
    output: StepId | None = Field(default=None, description="The node whose output is that of the workflow")

    @model_validator(mode="after")
    def _output_is_inside(self) -> Self:
        if self.output is not None and self.output not in {node.id for node in self.steps}:
            raise ValueError(f"workflow '{self.name}' has no step '{self.output}'; let output name one of its steps")
        return self

    @property
    def identity(self) -> str:
        """Name and version."""
        return f"{self.name}@{self.version}"

    @property
    def required(self) -> frozenset[str]:
        """The inputs that must be given."""
        return frozenset(name for name, schema in self.inputs.items() if "default" not in schema)

    @property
    def defaults(self) -> Mapping[str, JsonValue]:
        """What inputs are that are left out."""
        return {name: schema["default"] for name, schema in self.inputs.items() if "default" in schema}
