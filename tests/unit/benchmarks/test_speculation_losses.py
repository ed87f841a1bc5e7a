"""Why runs of the speculation benchmark ended later than they could have."""

from typing import Any

import pytest

from benchmarks.speculation.cases import SpeculationCase, cases
from benchmarks.speculation.losses import Cause, lost_s
from benchmarks.speculation.past import optimal_plan
from planners.model import AgentName, AttemptId, NodeId, StepId, TaskId
from planners.plans import Plan
from reconciler.gate import Appraisal, Decision, Refusal
from reconciler.state.outcomes import Verdict
from reconciler.views.models import Timeline, TimelineBar

TOOLS = ("find_flight", "book_hotel")
GUESSED = Appraisal(claimed=0.9, probability=0.9)
PLAN_S = 1.5


@pytest.fixture(scope="module")
def chain() -> Plan:
    return optimal_plan(SpeculationCase("unseen", "Find and book.", TOOLS), cases(None, 2, 1.0).catalog)


def bar(number: int, dispatched_s: float, began_s: float, ended_s: float, **more: Any) -> TimelineBar:
    """An attempt at the step with this number."""
    return TimelineBar(
        attempt=AttemptId(f"a{number}{dispatched_s}"),
        step=StepId(f"s{number}"),
        capability=TOOLS[number],
        agent=AgentName(f"{TOOLS[number]}-agent"),
        node=NodeId("n"),
        epoch=1,
        status="finished",
        dispatched_s=dispatched_s,
        started_s=began_s,
        ended_s=ended_s,
        **{"speculative": False, "verdict": Verdict.COMMIT, **more},
    )


def timeline(*bars: TimelineBar, ended_s: float, refused: int | None = None) -> Timeline:
    refusals = [] if refused is None else [refusal(refused)]
    return Timeline(task=TaskId("t"), bars=bars, optimal_plan_s=PLAN_S, ended_s=ended_s, refusals=tuple(refusals))


def refusal(number: int) -> Decision:
    return Decision(
        step=StepId("guessed"),
        agent=AgentName(f"{TOOLS[number]}-agent"),
        node=NodeId("n"),
        dispatch=False,
        appraisal=GUESSED,
        refusal=Refusal.PRICE,
    )


def test_steps_that_nobody_guessed_wait_for_the_plan(chain):
    lost = lost_s(timeline(bar(0, 1.0, 1.0, 2.0), bar(1, 2.0, 2.0, 3.0), ended_s=3.0), chain)
    assert lost == pytest.approx({Cause.UNGUESSED: 1.0, Cause.OVERHEAD: 0.0})


def test_a_step_that_waits_for_the_plan_after_a_refusal_was_refused(chain):
    told = timeline(bar(0, 0.0, 0.0, 0.4, appraisal=GUESSED), bar(1, 1.0, 1.0, 2.0), ended_s=2.0, refused=1)
    assert lost_s(told, chain)[Cause.REFUSED] == pytest.approx(0.6)


def test_the_time_of_a_guess_is_late_and_that_to_begin_is_overhead(chain):
    told = timeline(bar(0, 0.1, 0.15, 1.15, appraisal=GUESSED), bar(1, 1.2, 1.2, 2.2, appraisal=GUESSED), ended_s=2.25)
    lost = lost_s(told, chain)
    assert lost[Cause.LATE] == pytest.approx(0.1 + 0.05)
    assert lost[Cause.OVERHEAD] == pytest.approx(0.05 + 0.05)
    assert lost[Cause.UNGUESSED] == 0


def test_after_its_plan_a_run_loses_time_only_to_overhead(chain):
    told = timeline(bar(0, 0.0, 0.0, 1.6, appraisal=GUESSED), bar(1, 1.7, 1.7, 2.7), ended_s=2.7)
    assert lost_s(told, chain)[Cause.OVERHEAD] == pytest.approx(0.1)


def test_a_run_whose_steps_have_ended_waits_for_its_plan(chain):
    told = timeline(bar(0, 0.0, 0.0, 0.5, appraisal=GUESSED), bar(1, 0.5, 0.5, 1.0, appraisal=GUESSED), ended_s=PLAN_S)
    assert lost_s(told, chain)[Cause.PLAN] == pytest.approx(0.5)


def test_flushed_attempts_are_not_part_of_the_chain(chain):
    wrong = bar(1, 0.0, 0.0, 9.0, appraisal=GUESSED, speculative=True, verdict=Verdict.FLUSH)
    right = (bar(0, 1.0, 1.0, 2.0), bar(1, 2.0, 2.0, 3.0))
    assert lost_s(timeline(wrong, *right, ended_s=3.0), chain) == lost_s(timeline(*right, ended_s=3.0), chain)
