"""Read recorded workloads: JSON or JSON lines, optionally gzipped. Errors name the file and line."""

import gzip
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from learner.predictor import PlanExample
from planners.errors import ForerunError


class UnusableFile(ForerunError):
    """A file of recorded workloads is missing or has the wrong format."""


class PlanRecord(BaseModel):
    """A request and its plan: ``deps`` are pairs of positions in ``tools``, (earlier, later).

    ``available`` lists the tools on offer if there is no catalog.
    """

    id: str | int = ""
    request: str
    tools: list[str]
    deps: list[tuple[int, int]]
    available: list[str] = []

    def example(self) -> PlanExample:
        """Convert to an example for the plan predictor."""
        return PlanExample(self.request, tuple(self.tools), tuple(self.deps))


class RecordedTask(BaseModel):
    """One task of an executed workflow; values that were not recorded count as 0."""

    id: str | int
    name: str
    parents: list[str | int] = []
    runtime_s: float | None = None
    outputs_bytes: float | None = None


class Trace(BaseModel):
    """An executed workflow."""

    name: str
    tasks: list[RecordedTask]


def lines(path: Path, form: Any = dict[str, Any]) -> list[Any]:
    """One value a line, each of the given pydantic type.

    Raises:
        UnusableFile: the file is missing, or a line has another type.
    """
    adapter = TypeAdapter(form)
    numbered = enumerate(_content(path).split(b"\n"), start=1)
    return [_value(adapter, line, path, f", line {number}") for number, line in numbered if line.strip()]


def document(path: Path, form: Any = Any) -> Any:
    """The single value in a file, of the given pydantic type.

    Raises:
        UnusableFile: the file is missing, or its value has another type.
    """
    return _value(TypeAdapter(form), _content(path), path, "")


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError) as error:
        why = getattr(error, "strerror", None) or str(error)
        fix = "name another file, or another folder with --data"
        raise UnusableFile(f"{path} cannot be read: {why}", "", fix) from None


def _value(adapter: TypeAdapter[Any], content: bytes, path: Path, where: str) -> Any:
    try:
        return adapter.validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise UnusableFile(
            f"{path}{where}: {first['msg']}", field, "see benchmarks/README.md for the file formats"
        ) from None
