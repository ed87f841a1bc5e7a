"""Commands about tasks: submit, plan, show, list, cancel."""
# ruff: noqa: FBT002, PLR0913, PLR0917 - a command's parameters are the options people type, flags among them

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from orchestrator.cli.credentials import credentials
from orchestrator.cli.exit_codes import ExitCode, refuse, reported
from orchestrator.cli.listing import Listing
from orchestrator.cli.options import DEFAULT_URL, AsJson, Key, TaskFile, TaskIdArgument, Url
from orchestrator.cli.output import (
    PlanFormat,
    coloured,
    console,
    figures_summary,
    pending_lines,
    print_graph,
    print_json,
    print_next_commands,
    seconds,
    table,
    task_summary,
    why,
)
from orchestrator.cli.step import print_step, print_step_json, read_step
from orchestrator.cli.tables import (
    failed_table,
    messages_table,
    nothing_begun,
    plan_table,
    timeline_table,
    waiting_table,
)
from orchestrator.cli.watch import watch
from orchestrator.client.client import Client
from orchestrator.config import parse_document
from orchestrator.gateway.protocol import Preview
from orchestrator.task_documents import task_of
from planners.errors import ForerunError, InvalidTask
from planners.tasks import Mode, Task
from reconciler.state.commands import RunStatus
from reconciler.views.models import TaskView

_Answer = TypeVar("_Answer")


def with_client(url: str, ask: Callable[[Client], Awaitable[_Answer]]) -> _Answer:
    """Run one request against the service."""

    async def asking() -> _Answer:
        async with Client(url, **credentials()) as client:
            return await ask(client)

    return asyncio.run(asking())


def read_task(file: str, mode: Mode | None = None) -> Task:
    """The task in a file, or on standard input for ``-``.

    Raises:
        InvalidTask: it is not a valid task.
    """
    document: Any = parse_document(sys.stdin.read(), "standard input", InvalidTask) if file == "-" else None
    if file == "-" and not isinstance(document, dict):
        raise InvalidTask("this is not a task", "standard input", "`forerun schema task` prints the schema of tasks")
    task = task_of(document if file == "-" else file)
    if mode is None:
        return task
    planning = task.planning.model_copy(update={"mode": mode})
    return task.model_copy(update={"planning": planning})


@reported
def submit(
    file: TaskFile,
    url: Url = DEFAULT_URL,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the task has ended or is in doubt.")] = False,
    watch_it: Annotated[bool, typer.Option("--watch", help="Wait, and show live progress.")] = False,
    mode: Annotated[Mode | None, typer.Option(help="When agents may start; overrides the file.")] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Submit a task and print its id."""
    task = read_task(file, mode)
    follow(url, lambda client: client.submit(task, key), wait=wait, watch_it=watch_it, as_json=as_json)


def follow(
    url: str, begin: Callable[[Client], Awaitable[TaskView]], *, wait: bool, watch_it: bool, as_json: bool
) -> None:
    """Begin a task and print its id, or with ``wait`` or ``watch_it`` how it ends, or all of it as JSON.

    Raises:
        typer.Exit: with the exit code of a task that has not succeeded.
    """
    if watch_it and as_json:
        refuse("--watch and --json exclude each other", "use --wait --json")

    async def ask(client: Client) -> TaskView:
        view = await begin(client)
        with _told_if_left(view, as_json=as_json):
            if watch_it:
                return await watch(client, view.id)
            return await client.wait(view.id) if wait else view

    view = with_client(url, ask)
    if as_json:
        print_json(view)
    elif not watch_it:
        console.print(task_summary(view) if wait else view.id, soft_wrap=True)
    if (wait or watch_it) and not as_json:
        print_next_commands(view)
        if view.outputs:
            print_json(view.outputs)
    exit_by_status(view)


@contextmanager
def _told_if_left(view: TaskView, *, as_json: bool) -> Iterator[None]:
    """Tell the id of a task that goes on although the command ends: by Ctrl-C, or because the service is away.

    Without the id it would be submitted again, and its acts would happen twice.
    """
    try:
        yield
    except (asyncio.CancelledError, KeyboardInterrupt, ForerunError):
        if as_json:
            print_json(view)
        else:
            Console(stderr=True, highlight=False).print(
                f"Task {view.id} is submitted, and goes on. To see it: forerun show {view.id} --watch. "
                f"To stop it: forerun cancel {view.id}.",
                soft_wrap=True,
            )
        raise


def exit_by_status(view: TaskView) -> None:
    """End the command with the exit code of a task that has not succeeded."""
    if view.status.ended and view.status is not RunStatus.SUCCEEDED:
        raise typer.Exit(ExitCode.TASK_FAILED)
    if view.needs_resolution:
        raise typer.Exit(ExitCode.IN_DOUBT)


@reported
def plan(
    file: TaskFile,
    url: Url = DEFAULT_URL,
    form: Annotated[
        PlanFormat | None, typer.Option("--format", help="Print only the graph of the optimal plan, in this format.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show both plans of a task, the critical path and the verdicts, without running it."""
    task = read_task(file)
    if form is not None and as_json:
        refuse("--format prints the graph, --json the whole preview", "leave one of them out")
    preview = with_client(url, lambda client: client.preview(task))
    if form is not None:
        print_graph(preview.optimal, form, preview.routes)
        return
    if as_json:
        print_json(preview)
        return
    if preview.speculative is not None:
        title = f"speculative plan, {preview.speculative_plan_ms:.1f} ms, by {preview.speculative.origin}"
        console.print(plan_table(preview.speculative, title))
    else:
        console.print("no speculative plan: no similar task was planned before")
    console.print(
        plan_table(
            preview.optimal,
            f"\noptimal plan, {seconds(preview.optimal_plan_s)} s, {_origin(preview)}",
            preview.figures.slack_s,
        )
    )
    for line in pending_lines(preview.optimal):
        console.print(escape(line), soft_wrap=True)
    console.print(figures_summary(preview.figures))
    for route in preview.routes:
        console.print(f"route {escape(route.route)}: {escape(str(route))}", soft_wrap=True)
    for hint in (*map(str, preview.cheaper), *preview.hints):
        console.print(f"hint: {escape(hint)}", soft_wrap=True)
    _print_verdicts(preview)


def _origin(preview: Preview) -> str:
    plan = preview.optimal
    return f"by {plan.origin}" + ("" if plan.gap is None else f", at most {100 * plan.gap:.1f} % above the optimum")


def _print_verdicts(preview: Preview) -> None:
    rows = [[escape(step), coloured(verdict.value)] for step, verdict in preview.verdicts.items()]
    rows += [[escape(step), "dispatched when the optimal plan arrives"] for step in preview.dispatched]
    console.print(table(["step", "verdict"], rows, "\nverdicts on the speculative plan"))
    if preview.similarity is not None:
        console.print(
            f"\nsimilarity {preview.similarity:.2f} (steps {preview.step_f1:.2f}, edges {preview.edge_f1:.2f}), "
            f"placement {preview.placement_similarity:.2f}"
        )


@reported
def show(
    task_id: TaskIdArgument,
    step: Annotated[str | None, typer.Argument(metavar="[STEP]", help="Show this step with all its details.")] = None,
    url: Url = DEFAULT_URL,
    watch_it: Annotated[bool, typer.Option("--watch", help="Show live progress until the task has ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a task: status, attempts, outputs. With STEP: its inputs, attempts, failure, output, the gate's decision."""
    if watch_it and (as_json or step is not None):
        refuse("--watch excludes --json and a step", "leave one of them out")
    if step is not None:
        found = with_client(url, lambda client: read_step(client, task_id, step))
        print_step_json(found) if as_json else print_step(found)
        return

    async def ask(client: Client) -> TaskView:
        if watch_it:
            return await watch(client, task_id)
        view = await client.get(task_id)
        if not as_json:
            console.print(task_summary(view), soft_wrap=True)
            timeline = await client.timeline(task_id)
            console.print(timeline_table(timeline) if timeline.bars else nothing_begun(view))
            evidence = view.failure.evidence if view.failure is not None else None
            told = evidence.attempt if evidence is not None else None
            for more in (failed_table(timeline, told), waiting_table(timeline), messages_table(timeline)):
                if more is not None:
                    console.print(more)
        return view

    view = with_client(url, ask)
    if as_json:
        print_json(view)
        return
    print_next_commands(view)
    if view.outputs:
        print_json(view.outputs)


@reported
def list_tasks(
    url: Url = DEFAULT_URL,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Maximum number of tasks.")] = 20,
    before: Annotated[
        str | None, typer.Option(help="Continue after this id: next_before of the previous page.")
    ] = None,
    status: Annotated[RunStatus | None, typer.Option(help="Only tasks in this status.")] = None,
    text: Annotated[str | None, typer.Option(help="Only tasks whose name, kind or id contains this.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Only tasks with this label; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List tasks, newest first."""
    labels = _labels(label or ())
    page = with_client(
        url, lambda client: client.list(limit, before, status and status.value, text=text, labels=labels)
    )
    if as_json:
        print_json(page)
        return
    rows = [
        [
            view.id,
            escape(view.name or view.kind),
            coloured(view.status.value),
            f"{view.steps.finished}/{view.steps.total}",
            seconds(view.ended_s),
            seconds(view.saved_s),
            escape(_in_brief(why(view))),
        ]
        for view in page.tasks
    ]
    columns = ["task", "name", "status", "steps", "ended s", "saved s"]
    if any(row[-1] for row in rows):
        columns.append("why")
    console.print(Listing(columns, [row[: len(columns)] for row in rows], texts=("name", "why")))
    if page.next_before:
        console.print(f"more: forerun list --before {page.next_before}", soft_wrap=True)


def _labels(given: Iterable[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for key, sign, _ in pairs:
        if not key or not sign:
            refuse(f"--label '{key}' is not KEY=VALUE", "give it as --label team=blue")
    return {key: value for key, _, value in pairs}


def _in_brief(text: str, most: int = 100) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


@reported
def cancel(
    task_id: TaskIdArgument,
    url: Url = DEFAULT_URL,
    reason: Annotated[str, typer.Option(help="Recorded with the task.")] = "",
    as_json: AsJson = False,
) -> None:
    """Cancel a task."""
    view = with_client(url, lambda client: client.cancel(task_id, reason))
    if as_json:
        print_json(view)
    else:
        console.print(task_summary(view), soft_wrap=True)
