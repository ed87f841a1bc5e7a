"""`forerun run`: run a task in this process, without a service."""
# ruff: noqa: FBT002 - a command's parameters are the options people type, flags among them

import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.exit_codes import report, reported
from orchestrator.cli.options import AsJson, SettingsFile, TaskFile
from orchestrator.cli.output import console, print_json, task_summary
from orchestrator.cli.tasks import exit_by_status, read_task
from orchestrator.config import load_settings
from planners.errors import ForerunError
from planners.tasks import Mode
from reconciler.state.waiting import WaitKind
from reconciler.views.models import TaskView

_NO_ANSWERS = (
    "`forerun run` takes no answers: the run goes on after the step's timeout_s, or never if it has none (Ctrl-C ends "
    "it). To answer, submit the task to a service (`forerun up`)"
)


@reported
def run(
    file: TaskFile,
    catalog: Annotated[
        list[Path] | None,
        typer.Option(
            envvar="FORERUN_CATALOG",
            help="YAML or JSON file that declares agents; may be repeated. "
            "Default: catalog.yaml beside the task, else in the current folder.",
        ),
    ] = None,
    mode: Annotated[Mode | None, typer.Option(help="When agents may start; overrides the file.")] = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Run a task in this process and print its result. Needs no service, starts no Ray, and stores nothing."""
    # Imported here: only this command needs planners and executor.
    from orchestrator.local.run import catalog_for, run as run_here  # noqa: I001, PLC0415 (see above)

    task = read_task(file, mode)
    agents = [catalog_for(None if file == "-" else Path(file), catalog)]
    # Standard output then holds the JSON alone, whatever agents print.
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        view = run_here(task, agents, settings=load_settings(settings_file), on_view=UnanswerableQuestions().tell)
    if as_json:
        print_json(view)
    else:
        console.print(task_summary(view), soft_wrap=True)
        if view.outputs:
            print_json(view.outputs)
    exit_by_status(view)


class UnanswerableQuestions:
    """Tells once what nobody can answer here: without that, the run would seem to hang."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, view: TaskView) -> None:
        """Print the questions of a task that are new, to standard error."""
        asked = [
            f"step '{reason.step}' is {reason.message}" for reason in view.waiting if reason.kind is WaitKind.ANSWER
        ]
        asked += [] if view.limits is None else [question.message for question in view.limits.asked]
        for question in asked:
            if question not in self._told:
                self._told.add(question)
                report(ForerunError(question, "", _NO_ANSWERS), as_json=False, word="asks")
