"""Commands about ended tasks: run one again, and compare two."""
# ruff: noqa: FBT002, PLR0913, PLR0917 - a command's parameters are the options people type, flags among them

import json
from typing import Annotated

import typer
from rich.markup import escape

from orchestrator.cli.exit_codes import reported
from orchestrator.cli.listing import Listing
from orchestrator.cli.options import DEFAULT_URL, AsJson, Key, TaskIdArgument, Url
from orchestrator.cli.output import coloured, console, print_json, seconds, table
from orchestrator.cli.tasks import follow, with_client
from orchestrator.client.client import Client
from orchestrator.comparison import RecordedRun, RunDifference, StepDifference, StepOfRun, compared

_MOST_SHOWN = 120


@reported
def retry(
    task_id: TaskIdArgument,
    from_step: Annotated[
        str | None, typer.Option("--from", metavar="STEP", help="Run this step and everything behind it again.")
    ] = None,
    url: Url = DEFAULT_URL,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the new task has ended or is in doubt.")] = False,
    watch_it: Annotated[bool, typer.Option("--watch", help="Wait, and show live progress.")] = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Run an ended task again, as a new task, and print its id. Finished work is kept; an act is never repeated."""
    follow(url, lambda client: client.retry(task_id, from_step, key), wait=wait, watch_it=watch_it, as_json=as_json)


@reported
def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="Id of a task.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Id of another task.")],
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Compare two runs: plans, seconds, verdicts and outputs."""

    async def ask(client: Client) -> RunDifference:
        return compared(await _recorded(client, a), await _recorded(client, b))

    difference = with_client(url, ask)
    if as_json:
        print_json(difference)
    else:
        _print(difference)


async def _recorded(client: Client, task_id: str) -> RecordedRun:
    view = await client.get(task_id)
    return RecordedRun(view, await client.plans(task_id), await client.timeline(task_id))


def _print(difference: RunDifference) -> None:
    rows = [["status", *(coloured(status.value) for status in difference.status)]]
    rows += [
        [name.removesuffix("_s").replace("_", " "), *(seconds(value) for value in values)]
        for name, values in difference.figures.items()
        if values != (None, None)
    ]
    console.print(f"A {difference.a}\nB {difference.b}\n")
    console.print(table(["", "A", "B"], rows))
    console.print(f"\n{_plans(difference)}", soft_wrap=True)
    if steps := [_row(step) for step in difference.steps]:
        columns = ["step", "A", "B", "A s", "B s", "differs in"]
        console.print(Listing(columns, steps, texts=columns[-1:], title="\nsteps"))
    if not difference.outputs:
        console.print("\noutputs: equal")
    for output in difference.outputs:
        console.print(f"\noutput {escape(output.name)}\n  A {_shown(output.a)}\n  B {_shown(output.b)}", soft_wrap=True)


def _plans(difference: RunDifference) -> str:
    plans = difference.plans
    parts = [
        f"{title}: {escape(', '.join(steps))}"
        for title, steps in (
            ("only in A", plans.only_a),
            ("only in B", plans.only_b),
            ("done by another agent", plans.other_agent),
        )
        if steps
    ]
    alike = "" if plans.similarity is None else f", similarity {plans.similarity:.2f}"
    return f"optimal plans{alike}: {'; '.join(parts) or 'the same steps by the same agents'}"


def _row(step: StepDifference) -> list[str]:
    took = [seconds(None if one is None else one.seconds) for one in (step.a, step.b)]
    return [escape(step.step), _state(step.a), _state(step.b), *took, ", ".join(step.changed)]


def _state(one: StepOfRun | None) -> str:
    if one is None:
        return "-"
    if one.kept:
        return f"kept ({escape(one.agent)})"
    return f"{coloured(one.verdict.value if one.verdict is not None else one.status)} ({escape(one.agent)})"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return escape(text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…")
