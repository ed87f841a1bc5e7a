"""Output of the commands: tables, or JSON with ``--json``."""

import json
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from planners.amounts import dollars
from planners.built_in_names import APPROVAL, CALLBACK, JOIN
from planners.graph import PlanFigures, PlanGraph
from planners.model import StepId
from planners.plans import Plan
from planners.speculative.route_chances import RouteChances
from reconciler.state.fan_out_ends import Completion
from reconciler.state.handoff import Failure
from reconciler.state.task_limits import TaskLimit
from reconciler.state.waiting import WaitKind, WaitReason
from reconciler.views.failure_text import failure_lines
from reconciler.views.limits import told
from reconciler.views.models import Doubt, TaskView, TimelineBar, UndoingView

# Tables in a pipe are not cut: other programs read them.
_PIPE_WIDTH = 400


class _PipedConsole(Console):
    """A reader that has closed the pipe is told as by `print`; rich would end the command with exit code 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


console = _PipedConsole(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH)
_MOST_MISSING = 5
# What people copy is never cut.
_COPIED = frozenset({"id", "task", "agent", "step"})

_COLOURS = {
    "succeeded": "green",
    "finished": "green",
    "commit": "green",
    "salvage:re-parent": "cyan",
    "salvage:keep": "cyan",
    "salvage:migrate": "cyan",
    "failed": "red",
    "flush": "red",
    "flushed": "red",
    "cancelled": "yellow",
    "in_doubt": "yellow",
}


def print_json(value: BaseModel | Any) -> None:
    """Print JSON to standard output, without rich's formatting."""
    text = value.model_dump_json(indent=2) if isinstance(value, BaseModel) else json.dumps(value, indent=2)
    console.file.write(text + "\n")


def coloured(word: str) -> str:
    """A status or verdict in its colour."""
    colour = _COLOURS.get(word)
    return f"[{colour}]{word}[/]" if colour else word


def argument(step: str) -> str:
    """A step in a command that people copy: quoted where a shell would not pass it on as it is, as ``'sign[0]'``."""
    return escape(shlex.quote(step))


def seconds(value: float | None) -> str:
    """Seconds with three decimals below 10, else one; empty for None."""
    return "" if value is None else f"{value:.3f}" if value < 10 else f"{value:.1f}"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> Table:
    """A table. Columns whose name ends in a unit are right-aligned. Rows may contain markup."""
    # rich would wrap the title to the width of the table.
    shown_title = None if title is None else Text(title, no_wrap=True, overflow="ignore")
    made = Table(title=shown_title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for column in columns:
        right = column.endswith((" s", " ms", " $", "steps", "tries"))
        made.add_column(column, justify="right" if right else "left", no_wrap=column in _COPIED)
    for row in rows:
        made.add_row(*row)
    return made


def task_summary(view: TaskView) -> str:
    """A task in a few lines of markup."""
    steps = f"{view.steps.finished} of {view.steps.total} steps finished"
    if view.steps.skipped:
        steps += f", {view.steps.skipped} skipped"
    lines = [f"{view.id}  {coloured(view.status.value)}  {escape(view.name)}".rstrip(), f"  {steps}, mode {view.mode}"]
    times = {
        "first dispatch": view.first_dispatch_s,
        "speculative plan": view.speculative_plan_s,
        "optimal plan": view.optimal_plan_s,
        "ended": view.ended_s,
        "saved": view.saved_s,
    }
    if known := [f"{name} {seconds(value)} s" for name, value in times.items() if value is not None]:
        lines.append(f"  {', '.join(known)}")
    if view.agent_s:
        lines.append(f"  agents {seconds(view.agent_s)} s, wasted {seconds(view.wasted_s)} s, {dollars(view.usd)}")
    if view.failure is not None:
        lines += failure_markup(view.failure)
    elif view.undoing is not None:
        lines += _undoing(view.undoing)
    lines += [f"  [yellow]went on without:[/] {escape(reason)}" for reason in view.given_up.values()]
    lines += [f"  [yellow]noticed:[/] {escape(notice)}" for notice in view.notices]
    lines += [_completion(completion) for completion in view.completions]
    lines += [_question(view.id, reason) for reason in view.waiting if reason.kind is WaitKind.ANSWER]
    lines += _about_limits(view)
    lines += [_doubt(view.id, doubt) for doubt in view.in_doubt]
    return "\n".join(lines)


def why(view: TaskView) -> str:
    """Why a task has failed, or what it needs of somebody, for lists; empty where there is nothing to tell."""
    if view.failure is not None:
        return view.failure.message
    if view.undoing is not None and not view.status.ended:
        return f"undoing ({view.undoing.left} left): {view.undoing.reason}"
    asked = [f"step '{reason.step}' is {reason.message}" for reason in view.waiting if reason.kind is WaitKind.ANSWER]
    doubts = [f"step '{doubt.step}' is in doubt: {doubt.reason}" for doubt in view.in_doubt]
    limits = () if view.limits is None else (f"asks: {question.message}" for question in view.limits.asked)
    return next(iter((*doubts, *asked, *limits)), "")


def failure_markup(failure: Failure) -> list[str]:
    """A failure in lines of markup, the root cause first."""
    first, *more = (escape(line) for line in failure_lines(failure))
    fixed = (line.replace("  fix:", "  [bold]fix:[/]", 1) if line.startswith("  fix:") else line for line in more)
    return [f"  [red]{first}[/]", *(f"  {line}" for line in fixed)]


def print_next_commands(view: TaskView) -> None:
    """For a task of a service that has failed: the commands that tell more and that run it again."""
    if view.failure is None or not view.status.ended:
        return
    step = view.failure.evidence.step if view.failure.evidence is not None else None
    logs = f"forerun logs {view.id}" + (f" {argument(step)}" if step else "")
    console.print(f"  logs: {logs}\n  run it again: forerun retry {view.id}", soft_wrap=True)


def _undoing(undoing: UndoingView) -> list[str]:
    lines = [f"  [yellow]undoing[/] ({undoing.left} left): {escape(undoing.reason)}"]
    if undoing.undone:
        lines.append(f"  undone: {escape(', '.join(undoing.undone))}")
    return [*lines, *(f"  [red]not undone:[/] {escape(reason)}" for reason in undoing.failed.values())]


def _question(task: str, reason: WaitReason) -> str:
    step = argument(reason.step)
    answers = f"forerun approve {task} {step}"
    answers += " --output JSON" if reason.agent == CALLBACK else f", or forerun reject {task} {step}"
    if reason.agent == APPROVAL:
        answers += f"; forerun show {task} {step} tells what it is about"
    return f"  [yellow]asks:[/] step {escape(reason.step)} is {escape(reason.message)}\n  [bold]fix:[/] {answers}"


def _about_limits(view: TaskView) -> list[str]:
    if view.limits is None:
        return []
    lines = [f"  limits: {escape(told(answer))}" for answer in view.limits.answers]
    for question in view.limits.asked:
        value = "S" if question.limit is TaskLimit.DEADLINE else "N"
        answers = f"forerun limits {view.id} --{question.limit.replace('_', '-')} {value}, or --finish, or --fail"
        lines += [f"  [yellow]asks:[/] {escape(question.message)}", f"  [bold]fix:[/] {answers}"]
    return lines


def _completion(completion: Completion) -> str:
    how = "complete" if completion.succeeded else "[red]failed[/]"
    results = f"{completion.results} of {completion.total} results"
    missing = list(completion.missing.values())[:_MOST_MISSING] if completion.fan_out.startswith(JOIN) else []
    told = "".join(f"; {escape(each)}" for each in missing)
    return f"  {escape(completion.fan_out)} is {how} with {results}: {completion.reason.value}{told}"


def _doubt(task: str, doubt: Doubt) -> str:
    why = f"{escape(doubt.agent)}: {escape(doubt.reason)}"
    about = f"  [yellow]in doubt:[/] step {escape(doubt.step)} may have acted ({why})"
    if doubt.verifying:
        return f"{about}; its agent is being asked"
    answers = "--happened JSON, or --did-not-happen"
    return f"{about}\n  [bold]fix:[/] find out, then: forerun resolve {task} {argument(doubt.step)} {answers}"


def progress_text(bar: TimelineBar, most: int = 40) -> str:
    """What the agent of an attempt has told of its progress, in one line."""
    if bar.progress is None:
        return ""
    share = "" if bar.progress.done is None else f" {bar.progress.done:.0%}"
    message = " ".join(bar.progress.message.split())
    shown = f"{message[:most]}..." if len(message) > most else message
    return f"{share} {escape(shown)}".rstrip()


class PlanFormat(StrEnum):
    """How the graph of a plan is printed: networkx's node-link JSON, Graphviz DOT, or Mermaid."""

    JSON = "json"
    DOT = "dot"
    MERMAID = "mermaid"


def print_graph(plan: Plan, form: PlanFormat, routes: Iterable[RouteChances] = ()) -> None:
    """The graph of a plan on standard output, for other programs."""
    graph = PlanGraph(plan, {one.route: str(one) for one in routes})
    match form:
        case PlanFormat.JSON:
            print_json(graph.as_node_link())
        case PlanFormat.DOT:
            sys.stdout.write(graph.as_dot())
        case PlanFormat.MERMAID:
            sys.stdout.write(graph.as_mermaid())


def figures_summary(figures: PlanFigures, most: int = 12) -> str:
    """Critical path, floor, parallelism and cost in a few lines."""
    path = figures.critical_path
    shown = path if len(path) <= most else (*path[: most - 2], f"({len(path) - most + 1} more)", path[-1])
    return (
        f"\ncritical path: {escape(' -> '.join(shown)) or 'none'}\n"
        f"floor {seconds(figures.floor_s)} s however large the cluster, {seconds(figures.work_s)} s of work, "
        f"useful parallelism {figures.useful_parallelism}, expected cost {dollars(figures.usd)}"
    )


def pending_lines(plan: Plan, most: int = 12) -> list[str]:
    """What the plan leaves open, and until when: without this, a short plan would look like all of it."""
    open_until: dict[tuple[StepId, ...], list[StepId]] = {}
    for pending in plan.pending:
        open_until.setdefault(pending.awaited, []).append(pending.id)
    return [
        f"planned {_when_ended(steps)}: {', '.join(nodes[:most])}"
        + (f" and {len(nodes) - most} more" if len(nodes) > most else "")
        for steps, nodes in open_until.items()
    ]


def _when_ended(steps: Sequence[StepId]) -> str:
    if not steps:
        return "after that"
    return f"when {' and '.join(steps)} {'has' if len(steps) == 1 else 'have'} ended"
