"""`forerun limits`: raise the limits of a task, or say how it ends where it asks about them."""
# ruff: noqa: FBT002, PLR0913, PLR0917 - a command's parameters are the options people type, flags among them

from typing import Annotated, Literal

import typer
from pydantic import ValidationError

from orchestrator.cli.exit_codes import refuse, reported
from orchestrator.cli.options import DEFAULT_URL, AsJson, TaskIdArgument, Url
from orchestrator.cli.output import console, print_json, task_summary
from orchestrator.cli.tasks import with_client
from orchestrator.gateway.protocol import LimitsChange


@reported
def limits(
    task_id: TaskIdArgument,
    budget_usd: Annotated[float | None, typer.Option(metavar="USD", help="The new budget in dollars.")] = None,
    budget_tokens: Annotated[int | None, typer.Option(metavar="TOKENS", help="The new budget in tokens.")] = None,
    deadline_s: Annotated[
        float | None, typer.Option(metavar="S", help="The new deadline, seconds from the task's admission.")
    ] = None,
    finish: Annotated[bool, typer.Option("--finish", help="Return what is there.")] = False,
    fail: Annotated[bool, typer.Option("--fail", help="Let the task fail.")] = False,
    comment: Annotated[str, typer.Option("--comment", "-m", help="Why, for the record.")] = "",
    by: Annotated[str, typer.Option(help="Who says so, for the record.")] = "",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Raise the budget or the deadline of a task, or end a task that asks about them."""
    action: Literal["raise", "finish", "fail"] = "finish" if finish else "fail" if fail else "raise"
    values = {"budget_usd": budget_usd, "budget_tokens": budget_tokens, "deadline_s": deadline_s}
    given = {name: value for name, value in values.items() if value is not None}
    if (finish and fail) or bool(given) != (action == "raise"):
        refuse("say what to do", "give new limits (such as --budget-usd 5), or --finish, or --fail")
    try:
        change = LimitsChange.model_validate({"action": action, "comment": comment, "by": by, **given})
    except ValidationError as error:
        refuse(error.errors()[0]["msg"], "limits are positive numbers")
    view = with_client(url, lambda client: client.change_limits(task_id, change))
    if as_json:
        print_json(view)
    else:
        console.print(task_summary(view), soft_wrap=True)
