"""Options that several commands share."""

from typing import Annotated

import typer

from orchestrator.client.client import DEFAULT_URL

Url = Annotated[str, typer.Option("--url", envvar="FORERUN_URL", help="Where the service is.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
TaskFile = Annotated[str, typer.Argument(metavar="FILE|-", help="A task as YAML or JSON; - reads standard input.")]
TaskIdArgument = Annotated[str, typer.Argument(metavar="ID", help="The task's id.")]

__all__ = ["DEFAULT_URL", "AsJson", "TaskFile", "TaskIdArgument", "Url"]
