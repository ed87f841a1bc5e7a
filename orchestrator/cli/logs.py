"""`forerun logs`: what the attempts of a task print and log."""
# ruff: noqa: FBT002, PLR0913, PLR0917 - a command's parameters are the options people type, flags among them

import asyncio
import re
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from orchestrator.cli.exit_codes import reported
from orchestrator.cli.options import DEFAULT_URL, AsJson, TaskIdArgument, Url
from orchestrator.cli.output import console
from orchestrator.cli.tasks import with_client
from orchestrator.client.client import Client
from planners.model import AttemptId, StepId, TaskId
from reconciler.runtime.step_output import unknown_step
from reconciler.views.logs import MAX_LINES, LogLevel, LogLine, LogQuery
from reconciler.views.step_view import steps_known

_STYLES = {
    LogLevel.DEBUG: "dim",
    LogLevel.INFO: "",
    LogLevel.WARNING: "yellow",
    LogLevel.ERROR: "red",
    LogLevel.CRITICAL: "bold red",
}
# Escape sequences, and all control characters but the tab: what an agent prints must not steer a terminal.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@reported
def logs(
    task_id: TaskIdArgument,
    step: Annotated[
        str | None, typer.Argument(metavar="[STEP]", help="Only lines of this step, or of steps inside it.")
    ] = None,
    url: Url = DEFAULT_URL,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the task has ended.")] = False,
    attempt: Annotated[str | None, typer.Option(help="Only lines of this attempt.")] = None,
    level: Annotated[LogLevel, typer.Option(help="Only lines that are at least this severe.")] = LogLevel.DEBUG,
    last: Annotated[
        int | None, typer.Option(min=1, max=MAX_LINES, help="Only the last lines, so many of those there are now.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what the agents of a task print and log. With --json, one object a line."""

    async def ask(client: Client) -> None:
        lines, any_line = client.logs(task_id, step, attempt=attempt, level=level, last=last, follow=follow), False
        async for line in lines:
            any_line = True
            _print(line, as_json=as_json)
        if not any_line:
            if step is not None:
                await _check_step(client, task_id, step)
            print(f"no lines match; `forerun show {task_id}` names the steps", file=sys.stderr)  # noqa: T201

    with_client(url, ask)


async def _check_step(client: Client, task_id: str, step: str) -> None:
    """Refuse the name of a step that the task does not have, as far as it is planned.

    Raises:
        UnknownStep: names the nearest one.
    """
    plans, timeline = await asyncio.gather(client.plans(task_id), client.timeline(task_id))
    known = steps_known(timeline, plans.optimal, plans.speculative)
    inside = LogQuery(step=StepId(step))
    if known and not any(inside.holds(AttemptId(""), one) for one in known):
        names = {StepId(one.partition("[")[0]) for one in known}
        raise unknown_step(StepId(step), TaskId(task_id), names)


def _print(line: LogLine, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(line.model_dump_json() + "\n")
        sys.stdout.flush()
    elif console.is_terminal:
        console.print(_coloured(line), soft_wrap=True)
    else:
        console.file.write(plain(line) + "\n")
        console.file.flush()  # a reader of a pipe follows


def plain(line: LogLine) -> str:
    """A line for people: local time, step and attempt, level, text."""
    return f"{_time(line)} {_origin(line)} {line.level:<8} {_shown(line)}"


def _coloured(line: LogLine) -> Text:
    parts = [
        (_time(line), "dim"),
        (f" {_origin(line)} ", "cyan"),
        (f"{line.level:<8} {_shown(line)}", _STYLES[line.level]),
    ]
    return Text.assemble(*parts)


def _time(line: LogLine) -> str:
    at = datetime.fromtimestamp(line.logged_at_s, UTC).astimezone()
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"


def _origin(line: LogLine) -> str:
    """The step, and which attempt of the task it was: `forerun show` names it in full."""
    return f"{line.step}#{line.attempt.rpartition('.')[2]}"


def _shown(line: LogLine) -> str:
    name = f"{line.logger}: " if line.logger else ""
    if line.done is not None:
        name += f"{line.done:.0%} "
    return f"{name}{_CONTROL.sub('', line.text)}"
