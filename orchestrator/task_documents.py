"""Tasks as users give them: a model, a mapping, or a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orchestrator.config import read_document
from planners.errors import InvalidTask
from planners.tasks import Task
from planners.validation import explain, parse

Submittable = Task | Mapping[str, Any] | Path | str


def task_of(given: Submittable) -> Task:
    """The task in a model, a mapping, or a YAML or JSON file.

    Raises:
        InvalidTask: it is not a valid task.
    """
    if isinstance(given, Task):
        return given
    document = read_document(Path(given), InvalidTask) if isinstance(given, str | Path) else given
    try:
        return parse(document)
    except ValidationError as error:
        raise explain(error, document=document)[0] from None
