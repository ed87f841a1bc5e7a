"""Fields that several kinds of nodes share, and the values that they take."""

from collections.abc import Callable
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, JsonValue, model_serializer

from planners.bindings import Binding
from planners.expressions.references import parsed
from planners.model import Model, StepId

Id = Annotated[StepId, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_:/-]*(\[\d+\])*$")]
# Maps the binding of a field.
Bind = Callable[[str, Binding], Binding]
Rename = Callable[[StepId], StepId]


def _condition(text: str) -> str:
    parsed(text)
    return text


# An expression in CEL; see `planners.expressions`.
Condition = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_condition)]


class Default(Model):
    """What stands in for the output of a node that is skipped. Written as the bare value, which may be null."""

    value: JsonValue

    @model_serializer
    def _bare(self) -> Any:
        return self.value


def as_default(raw: Any) -> Any:
    """A bare value as a `Default`."""
    return raw if isinstance(raw, Default) else Default(value=raw)


def optional_s(told: str) -> Any:
    """A field for seconds, left out of documents where there are none."""
    return Field(default=None, gt=0, allow_inf_nan=False, exclude_if=lambda seconds: seconds is None, description=told)


class WithInputs(Model):
    """The part of a node that reads values by name."""

    inputs: dict[str, Binding] = Field(default_factory=dict)

    @property
    def bindings(self) -> list[tuple[str, Binding]]:
        """(field, binding) of its inputs."""
        return [(f"inputs.{name}", binding) for name, binding in self.inputs.items()]

    def rebound(self, bind: Bind, rename: Rename | None = None) -> Self:
        """The node with its inputs mapped."""
        return self.model_copy(
            update={"inputs": {name: bind(f"inputs.{name}", of) for name, of in self.inputs.items()}}
        )
