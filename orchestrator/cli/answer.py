"""`forerun approve` and `forerun reject`: answer a step that waits for a person or for a message from outside."""
# ruff: noqa: FBT001, FBT002, PLR0913, PLR0917 - a command's parameters are the options people type

from typing import Annotated

import typer

from orchestrator.cli.exit_codes import reported
from orchestrator.cli.options import DEFAULT_URL, AsJson, TaskIdArgument, Url
from orchestrator.cli.output import console, print_json, task_summary
from orchestrator.cli.resolve import json_option
from orchestrator.cli.tasks import with_client
from orchestrator.gateway.protocol import StepAnswer

_Step = Annotated[str, typer.Argument(metavar="STEP", help="The step that waits; `forerun show` names it.")]
_Comment = Annotated[str, typer.Option("--comment", "-m", help="Why, for the record and for the steps that follow.")]
_By = Annotated[str, typer.Option(help="Who says so, for the record.")]


@reported
def approve(
    task_id: TaskIdArgument,
    step: _Step,
    comment: _Comment = "",
    output: Annotated[
        str | None, typer.Option(metavar="JSON", help="What a callback waits for, or an answer beside the approval.")
    ] = None,
    by: _By = "",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Approve a step that asks, or send what a callback waits for."""
    answer = StepAnswer(comment=comment, by=by)
    if output is not None:
        answer = answer.model_copy(update={"output": json_option(output, "--output")})
    _answer(task_id, step, answer, url, as_json)


@reported
def reject(
    task_id: TaskIdArgument,
    step: _Step,
    comment: _Comment = "",
    by: _By = "",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Reject a step that asks."""
    _answer(task_id, step, StepAnswer(approved=False, comment=comment, by=by), url, as_json)


def _answer(task_id: str, step: str, answer: StepAnswer, url: str, as_json: bool) -> None:
    view = with_client(url, lambda client: client.answer(task_id, step, answer))
    if as_json:
        print_json(view)
    else:
        console.print(task_summary(view), soft_wrap=True)
