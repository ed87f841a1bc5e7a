"""`forerun resolve`: say whether an irreversible act in doubt has happened."""
# ruff: noqa: FBT002, PLR0913, PLR0917 - a command's parameters are the options people type, flags among them

import json
from typing import Annotated, Any

import typer

from orchestrator.cli.exit_codes import refuse, reported
from orchestrator.cli.options import DEFAULT_URL, AsJson, TaskIdArgument, Url
from orchestrator.cli.output import console, print_json, task_summary
from orchestrator.cli.tasks import with_client
from orchestrator.errors import InvalidOption


@reported
def resolve(
    task_id: TaskIdArgument,
    step: Annotated[str, typer.Argument(metavar="STEP", help="The step in doubt; `forerun show` names it.")],
    happened: Annotated[
        str | None, typer.Option(metavar="JSON", help="The act happened, with this output (null for none).")
    ] = None,
    did_not_happen: Annotated[
        bool, typer.Option("--did-not-happen", help="The act did not happen; the step runs again.")
    ] = False,
    by: Annotated[str, typer.Option(help="Who says so, for the record.")] = "",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Say whether the act of a step in doubt has happened, so that the task goes on."""
    if (happened is None) is not did_not_happen:
        refuse("say whether the act happened", "give either --happened JSON or --did-not-happen")
    output = None if happened is None else json_option(happened, "--happened")
    view = with_client(
        url, lambda client: client.resolve(task_id, step, happened=not did_not_happen, output=output, by=by)
    )
    if as_json:
        print_json(view)
    else:
        console.print(task_summary(view), soft_wrap=True)


def json_option(text: str, option: str) -> Any:
    """The value of an option that holds JSON.

    Raises:
        InvalidOption: it holds something else.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        fix = "give the output as JSON, such as '\"order-17\"' or null"
        raise InvalidOption(f"this is not JSON: {error}", option, fix) from None
