"""`forerun show TASK STEP`: one step with everything that is known of it."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from pydantic import JsonValue
from rich.markup import escape

from orchestrator.cli.output import (
    argument,
    coloured,
    console,
    failure_markup,
    print_json,
    progress_text,
    seconds,
)
from orchestrator.cli.tables import attempts_table
from orchestrator.client.client import Client
from orchestrator.client.errors import Refused
from planners.amounts import dollars
from planners.plans import Placement
from reconciler.state.handoff import Failure
from reconciler.views.models import TimelineBar
from reconciler.views.step_view import StepInput, StepView

_MOST_CHARS = 2_000


class StepDetails(NamedTuple):
    """A step, why its last attempt failed with all that is known of it, and its output as JSON if it has one."""

    view: StepView
    failure: Failure | None
    output: str | None


async def read_step(client: Client, task_id: str, step: str) -> StepDetails:
    """Ask the service for a step.

    Raises:
        Refused: there is no such task or step.
    """
    view = await client.step(task_id, step)
    last = view.attempts[-1] if view.attempts else None
    failure, output = None, None
    if last is not None and last.failure is not None:
        known = {one.attempt: one.failure for one in (await client.failures(task_id)).failures}
        failure = known.get(last.attempt, last.failure)
    if any(bar.status == "finished" for bar in view.attempts):
        output = await _output(client, task_id, step)
    return StepDetails(view, failure, output)


async def _output(client: Client, task_id: str, step: str) -> str | None:
    try:
        return json.dumps(await client.output(task_id, step), ensure_ascii=False, indent=2)
    except Refused:  # it is gone, or was never the step's
        return None


def print_step(found: StepDetails) -> None:
    """Print a step for people."""
    view = found.view
    for line in (*_head(view), *_inputs(view), *_gate(view), *_placements(view)):
        console.print(line, soft_wrap=True)
    if view.attempts:
        console.print(attempts_table(view.attempts, "attempts"))
    for line in (*_told(view.attempts), *(failure_markup(found.failure) if found.failure is not None else ())):
        console.print(line, soft_wrap=True)
    if found.output is not None:
        console.print("output:")
        console.file.write(_cut(found.output) + "\n")
    if view.attempts:
        console.print(f"logs: forerun logs {view.task} {argument(view.step)}", soft_wrap=True)


def print_step_json(found: StepDetails) -> None:
    """Print a step for programs, as the service tells it."""
    print_json(found.view)


def _head(view: StepView) -> Iterable[str]:
    yield f"{escape(view.step)}  {coloured(_state(view))}  {escape(view.title or view.capability)}".rstrip()
    if view.waiting is not None:
        yield f"  [yellow]waits:[/] {escape(view.waiting.message)}"
    if view.skipped is not None:
        yield f"  skipped: {escape(view.skipped)}"
    if view.parents:
        yield f"  after: {escape(', '.join(view.parents))}"


def _state(view: StepView) -> str:
    if view.attempts and view.attempts[-1].status == "in_doubt":
        return "in_doubt"
    if view.waiting is not None:
        return "waiting"
    if view.skipped is not None:
        return "skipped"
    return view.attempts[-1].status if view.attempts else ""


def _inputs(view: StepView) -> Iterable[str]:
    for given in view.inputs:
        yield f"  input {escape(given.name)}: {escape(_value(given))}"


def _value(given: StepInput) -> str:
    bound = _compact(given.binding)
    shown = _compact(given.value) if given.known else bound
    return shown if shown == bound or not bound.startswith("$") else f"{shown} ({bound})"


def _compact(value: JsonValue) -> str:
    return _cut(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARS else f"{text[:_MOST_CHARS]}... ({len(text) - _MOST_CHARS} characters cut)"


def _gate(view: StepView) -> Iterable[str]:
    decision = view.decision
    appraisals = [bar.appraisal for bar in view.attempts if bar.appraisal is not None]
    appraisal = decision.appraisal if decision is not None else next(iter(appraisals), None)
    if appraisal is None:
        return
    terms = f"P {appraisal.probability:.0%}, L {seconds(appraisal.saved_s)} s, C {dollars(appraisal.cost_usd)}"
    if decision is not None and not decision.dispatch:
        yield f"  gate: refused ({escape(decision.reason or str(decision.refusal))}): {terms}"
    else:
        yield f"  gate: dispatched before the optimal plan: {terms}"


def _placements(view: StepView) -> Iterable[str]:
    for name, placement in (("speculative plan", view.speculative), ("optimal plan", view.optimal)):
        if placement is not None:
            yield f"  {name}: {escape(_placement(placement))}"


def _placement(placement: Placement) -> str:
    when = f"{seconds(placement.start_s)} s, for {seconds(placement.duration_s)} s"
    return f"{placement.agent} on {placement.node[:12]} at {when}"


def _told(bars: Iterable[TimelineBar]) -> Iterable[str]:
    """What the attempts tell besides their times: why they ended, progress, what was noticed."""
    for bar in bars:
        if bar.reason and bar.failure is None:
            yield f"  {escape(bar.attempt)}: {escape(bar.reason)}"
        if bar.progress is not None:
            if shown := progress_text(bar).strip():
                yield f"  {escape(bar.attempt)} told: {shown}"
            yield from (f"  [yellow]noticed:[/] {escape(notice)}" for notice in bar.progress.notices)
