"""Arguments and options that several commands share."""

from typing import Annotated

import typer

from orchestrator.client.client import DEFAULT_URL

Url = Annotated[str, typer.Option("--url", envvar="FORERUN_URL", help="URL of the service.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TaskFile = Annotated[str, typer.Argument(metavar="FILE|-", help="Task file (YAML or JSON); - reads standard input.")]
TaskIdArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the task.")]

__all__ = ["DEFAULT_URL", "AsJson", "TaskFile", "TaskIdArgument", "Url"]
