"""`forerun init`: write a small project to start from."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from orchestrator.cli.exit_codes import reported
from orchestrator.cli.output import console
from orchestrator.errors import InvalidOption


@reported
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write to; made if it does not exist.")],
) -> None:
    """Write a small project: a catalog, agents of the common kinds, a task and its tests. Overwrites nothing."""
    present = files("orchestrator.scaffold").joinpath("files").iterdir()
    # pip compiles the Python files when it installs them, into a folder beside them.
    contents = {file.name: file.read_text("utf-8") for file in present if file.is_file()}
    if existing := sorted(name for name in contents if (folder / name).exists()):
        raise InvalidOption(f"{folder / existing[0]} exists", "DIR", "give an empty or new folder")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in sorted(contents.items()):
        (folder / name).write_text(text, "utf-8")
    console.print(f"Wrote {len(contents)} files to {escape(str(folder))}. Next:", soft_wrap=True)
    console.print(f"  cd {escape(str(folder))} && forerun run task.yaml", soft_wrap=True, highlight=False)
