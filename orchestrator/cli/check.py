"""`forerun check`: validate catalogs and tasks without a service."""
# ruff: noqa: FBT002 - a command's parameters are the options people type, flags among them

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from orchestrator.cli.exit_codes import ExitCode, reported
from orchestrator.cli.options import AsJson
from orchestrator.cli.output import console, print_json

if TYPE_CHECKING:
    from orchestrator.local.check import CheckedFile


@reported
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Catalogs and tasks (YAML or JSON).")],
    catalog: Annotated[
        list[Path] | None,
        typer.Option(
            envvar="FORERUN_CATALOG",
            help="Catalog that the tasks need; may be repeated. Default: the catalogs among the files, else "
            "catalog.yaml beside each task, else in the current folder.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Validate catalogs and tasks offline, types included. Exit code 2 if something is wrong."""
    # Imported here: only this command and `run` need the agents.
    from orchestrator.local.check import checked_files  # noqa: PLC0415 (see above)

    checked = checked_files(files, catalog or ())
    if as_json:
        print_json([each.model_dump(mode="json") for each in checked])
    else:
        for each in checked:
            _print(each)
    if any(each.errors for each in checked):
        raise typer.Exit(ExitCode.BAD_INPUT)


def _print(checked: "CheckedFile") -> None:
    if not checked.errors:
        console.print(f"{escape(checked.file)}: [green]ok[/] ({checked.kind})", soft_wrap=True)
    for error in checked.errors:
        where = f"{escape(error.field)}: " if error.field else ""
        console.print(f"{escape(checked.file)}: [bold red]error:[/] {where}{escape(error.message)}", soft_wrap=True)
        if error.fix:
            console.print(f"  [bold]fix:[/] {escape(error.fix)}", soft_wrap=True)
