"""Tables of runs and plans in a terminal of 80 columns."""

from io import StringIO

import pytest
from rich.console import Console
from runs import chain, plan
from worlds import CAPABILITIES

from orchestrator.cli.listing import Listing
from orchestrator.cli.tables import attempts_table, failed_table, plan_table, timeline_table
from planners.model import AgentName, AttemptId, NodeId, StepId
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.outcomes import Verdict
from reconciler.views.models import Timeline, TimelineBar
from reconciler.views.progress import AttemptProgress

_TASK = "t01a1fc78277d-edca56ecd74e4886"


def bar(number: int, **more) -> TimelineBar:
    given = {
        "attempt": AttemptId(f"{_TASK}.{number}"),
        "step": StepId(f"analysis/compare[{number}]"),
        "capability": "compare",
        "agent": AgentName("careful-comparer"),
        "node": NodeId("5099e4c5117f0000"),
        "epoch": 1,
        "speculative": True,
        "verdict": Verdict.REPARENT,
        "status": "finished",
        "dispatched_s": 0.011,
        "ended_s": 1.5,
    }
    return TimelineBar(**(given | more))


def shown(listing: Listing | None, width: int = 80) -> str:
    assert listing is not None
    text = StringIO()
    Console(file=text, width=width).print(listing)
    assert max(len(line.rstrip()) for line in text.getvalue().splitlines()) <= width
    return text.getvalue()


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def test_attempts_are_told_in_full_in_a_narrow_terminal():
    text = in_one_line(shown(attempts_table([bar(1)])))

    assert text == (
        "analysis/compare[1] agent careful-comparer, node 5099e4c5117f, confirmed, finished, salvage:re-parent, "
        "start 0.011 s, took 1.489 s"
    )


def test_what_a_running_agent_tells_has_a_line_of_its_own_in_a_narrow_terminal():
    progress = AttemptProgress(at_s=1.0, message="comparing the third of eleven pairs", done=0.25)
    text = shown(attempts_table([bar(1, status="running", verdict=None, ended_s=None, progress=progress)]))

    assert text.splitlines()[-1].rstrip() == "  status: running 25% comparing the third of eleven pairs"


def test_attempts_that_fit_are_a_table():
    head, *rows = shown(attempts_table([bar(1), bar(2)]), 120).splitlines()

    assert head.split()[:5] == ["step", "agent", "node", "status", "verdict"]
    assert len(rows) == 2


def test_attempts_that_are_left_out_are_counted_in_a_narrow_terminal_too():
    timeline = Timeline(task=_TASK, bars=tuple(map(bar, range(45))))

    assert shown(timeline_table(timeline)).startswith("(5 earlier attempts not shown)")


def test_a_plan_is_told_in_full_in_a_narrow_terminal():
    first, second = CAPABILITIES[:2]
    text = in_one_line(shown(plan_table(plan(chain(first, second)), "optimal plan", {StepId("a"): 2})))

    assert text.startswith(f"optimal plan a capability {first}, agent {first}-small, node n1, start 0.000 s, end ")
    assert "cost $0, probability 1.00, slack 2.000 s" in text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_why_attempts_failed_is_told_with_their_whole_ids(width):
    failure = Failure(kind=FailureKind.ERROR, message="the server answered 404 " * 5)
    timeline = Timeline(task=_TASK, bars=(bar(1, status="failed", verdict=None, failure=failure),))

    assert f"{_TASK}.1" in shown(failed_table(timeline, None), width)
