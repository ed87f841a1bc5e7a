"""The command `trace`: a run as a file for trace viewers."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from orchestrator.cli.exit_codes import refuse, reported
from orchestrator.cli.options import DEFAULT_URL, TaskIdArgument, Url
from orchestrator.cli.output import console
from orchestrator.cli.tasks import with_client


@reported
def trace(
    task_id: TaskIdArgument,
    url: Url = DEFAULT_URL,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="The file to write, - for standard output. Default: ID.trace.json."),
    ] = None,
) -> None:
    """Write the run as a trace: open it at ui.perfetto.dev or in chrome://tracing."""
    text = json.dumps(with_client(url, lambda client: client.trace(task_id)), ensure_ascii=False)
    if output == "-":
        typer.echo(text)
        return
    file = Path(output or f"{task_id}.trace.json")
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        refuse(f"{file} cannot be written: {error.strerror}", "give another file with --output")
    console.print(f"{escape(str(file))}: open it at ui.perfetto.dev or in chrome://tracing", soft_wrap=True)
