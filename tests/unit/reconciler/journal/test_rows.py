"""Recorded facts: what is written for an event replays to the same event, however large it is."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from runs import chain, plan

from planners.bindings import Value
from planners.model import StepId
from planners.workflow import Step
from reconciler.journal.rows import PAGE_EVENTS, EventRow, event_row, page_of
from reconciler.journal.run_log import replayable
from reconciler.state import events as e
from reconciler.state.conditions import Conditions
from reconciler.state.messages import MailboxMessage
from reconciler.views.models import StoredEvent


def wide(count):
    return plan([Step(id=StepId(f"s{n}"), capability="fetch", inputs={"k": Value(value=n)}) for n in range(count)])


@pytest.mark.parametrize("steps", [1, 500], ids=["small", "large"])
@pytest.mark.parametrize("kind", [e.OptimalPlanReady, e.SpeculativePlanReady])
def test_a_plan_of_any_size_is_read_back_as_it_was(kind, steps):
    event = kind(at_s=1.5, plan=wide(steps), epoch=2)

    row = event_row(7, event)

    assert (row.seq, row.at_s, row.kind) == (7, 1.5, event.event)
    assert replayable([row.parsed()]) == [event]
    assert json.loads(row.text) == json.loads(event.model_dump_json(exclude={"event", "at_s", "v"}))


def test_a_guess_keeps_the_conditions_it_was_judged_under():
    event = e.SpeculativePlanReady(at_s=0.1, plan=wide(300), conditions=Conditions(prior_plan_s=4.0), alternative=True)

    assert replayable([event_row(1, event).parsed()]) == [event]


def test_a_step_whose_text_looks_like_a_list_of_steps_changes_nothing():
    steps = chain("fetch", "fetch", literal='"steps":[]')
    event = e.OptimalPlanReady(at_s=0.0, plan=plan(steps))

    assert replayable([event_row(1, event).parsed()]) == [event]


@pytest.mark.parametrize(
    "event",
    [
        e.StepAnswered(at_s=1.0, attempt="t.1", approved=False, comment="no"),
        e.AnsweredEarly(at_s=1.0, step="paid", output=3),
        e.LimitsAnswered(at_s=1.0, budget_usd=5.0),
        e.HeartbeatReceived(at_s=1.0, attempt="t.1"),
        e.MessagePublished(at_s=1.0, attempt="t.1", message=MailboxMessage(id="m", topic="news", body="b")),
        e.DoubtResolved(at_s=1.0, attempt="t.1", happened=True),
    ],
    ids=lambda event: event.event,
)
def test_what_people_outside_systems_and_agents_have_said_is_replayed(event):
    assert replayable([event_row(1, event).parsed()]) == [event]


def test_every_kind_of_event_is_replayed_and_nothing_else():
    assert {"run_started", "step_answered", "time_passed"} < e.KINDS
    assert not {"attempt_dispatched", "verdict", "effect_out", "run_ended"} & e.KINDS


async def test_a_large_plan_is_not_turned_into_json_on_the_event_loop():
    made_in = []

    def make():
        made_in.append(threading.current_thread())
        return "{}"

    page = await page_of([EventRow(1, 0.0, "optimal_plan_ready", make)], ended=True)

    assert page.ended
    assert made_in != [threading.main_thread()]
    assert len(made_in) == 1


async def test_the_journal_and_all_readers_share_one_encoding_of_an_event():
    """Threads that ask for the text at the same time wait for the one that makes it."""
    made, begun, go_on = [], threading.Event(), threading.Event()

    def make():
        begun.set()
        assert go_on.wait(30)
        made.append("made")
        return '{"plan":{}}'

    row = EventRow(1, 0.0, "optimal_plan_ready", make)
    with ThreadPoolExecutor(3) as threads:
        journal = threads.submit(lambda: row.text)
        assert begun.wait(30)
        readers = [threads.submit(row.encoded), threads.submit(row.parsed)]
        go_on.set()

    assert journal.result() == readers[0].result().text == '{"plan":{}}'
    assert readers[1].result().data == {"plan": {}}
    assert made == ["made"]


@pytest.mark.parametrize(
    "data", [{}, {"text": 'line "one"\nline two \u2713', "n": [1, 2.5, None]}, {"x": float("inf")}]
)
def test_an_encoded_event_reads_as_the_stored_event(data):
    row = EventRow(3, 0.1 + 0.2, "attempt_finished", json.dumps(data))

    assert StoredEvent.model_validate_json(row.encoded().json_text()) == row.parsed()
    assert row.encoded().data == data


async def test_pages_are_bounded_in_number_and_in_size():
    many = [EventRow(seq, 0.0, "verdict", "{}") for seq in range(1, PAGE_EVENTS + 2)]
    long = [EventRow(seq, 0.0, "attempt_finished", json.dumps({"x": "y" * 600_000})) for seq in (1, 2, 3)]

    pages = await asyncio.gather(page_of(many, ended=True), page_of(long, ended=True), page_of(long[2:], ended=True))

    assert [(len(page.events), page.ended) for page in pages] == [(PAGE_EVENTS, False), (1, False), (1, True)]
