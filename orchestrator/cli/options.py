"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.client.client import DEFAULT_URL

Url = Annotated[str, typer.Option("--url", envvar="FORERUN_URL", help="URL of the service.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TaskFile = Annotated[str, typer.Argument(metavar="FILE|-", help="Task file (YAML or JSON); - reads standard input.")]
TaskIdArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the task.")]
Key = Annotated[
    str | None, typer.Option("--idempotency-key", help="Asking again with the same key returns the first task.")
]

DataDir = Annotated[Path | None, typer.Option(help="Folder of the journal and the learned models.")]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", envvar="FORERUN_SETTINGS", help="YAML file of settings.")
]

__all__ = ["DEFAULT_URL", "AsJson", "DataDir", "Key", "SettingsFile", "TaskFile", "TaskIdArgument", "Url", "only_given"]


def only_given(**flags: Any) -> dict[str, Any]:
    """The flags that were given. The other settings come from the environment and the file."""
    given: dict[str, Any] = {}
    for name, value in flags.items():
        inner = only_given(**value) if isinstance(value, dict) else value
        if inner is not None and inner != {}:
            given[name] = inner
    return given
