"""Recorded workloads: JSON or JSON lines, gzipped or not. What is wrong with them is told with file and line."""

import gzip
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from learner.predictor import PlanExample
from planners.errors import ForerunError


class UnusableFile(ForerunError):
    """A file of recorded workloads is not there, or not of the form that is needed."""


class PlanRecord(BaseModel):
    """A request and its plan: ``deps`` are pairs of positions in ``tools``, (earlier, later).

    ``available``: the tools on offer, where there is no catalog that says so.
    """

    id: str | int = ""
    request: str
    tools: list[str]
    deps: list[tuple[int, int]]
    available: list[str] = []

    def example(self) -> PlanExample:
        """As the plan predictor learns from it."""
        return PlanExample(self.request, tuple(self.tools), tuple(self.deps))


class RecordedTask(BaseModel):
    """One task of an executed workflow; what was not recorded counts as 0."""

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
    """One value a line, each of the form given (a type that pydantic knows).

    Raises:
        UnusableFile: no such file, or a line is not of that form.
    """
    adapter = TypeAdapter(form)
    numbered = enumerate(_content(path).split(b"\n"), start=1)
    return [_value(adapter, line, path, f", line {number}") for number, line in numbered if line.strip()]


def document(path: Path, form: Any = Any) -> Any:
    """The one value that a file holds, of the form given.

    Raises:
        UnusableFile: no such file, or it is not of that form.
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
            f"{path}{where}: {first['msg']}", field, "benchmarks/README.md says what form the files have"
        ) from None
