"""A task that asks people, and steps that no attempt shows."""

import page_runs as runs
import pytest
from asking_runs import asking
from page_server import page_server
from playwright.sync_api import expect

from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.task_limits import TaskLimit
from reconciler.views.limits import LimitAnswer, LimitQuestion, LimitsView
from reconciler.views.models import UndoingView


@pytest.fixture
def asked(opened):
    """The server, the task, and its page."""
    with page_server(runs.CATALOG, runs.CLUSTER) as server:
        task = server.run(asking(server))
        yield server, task, lambda tab="timeline": opened(f"{server.url}#/tasks/{task}?tab={tab}")


def told(server, kind):
    """The facts of a kind that the gateway has recorded."""
    return [event.data for stored in server.gateway._stored.values() for event in stored.events if event.kind == kind]


def test_a_step_in_doubt_is_resolved_with_what_the_act_returned(asked):
    server, _task, open_ = asked
    question = open_().get_by_role("region", name="Question of step draft")
    expect(question).to_contain_text("the process of agent 'publisher' died")

    question.get_by_label("It has happened").check()
    question.get_by_label("What it returned").fill('{"order": 17')
    question.get_by_label("Your name").fill("ada")
    question.get_by_role("button", name="Record").click()
    page = question.page
    expect(page.get_by_role("alert")).to_contain_text("This is not JSON")
    question.get_by_label("What it returned").fill('{"order": 17}')
    question.get_by_role("button", name="Record").click()

    expect(question).to_have_count(0)
    (answer,) = told(server, "doubt_resolved")
    assert (answer["happened"], answer["output"]) == (True, {"order": 17})


def test_a_step_in_doubt_is_resolved_as_not_having_happened(asked):
    server, _, open_ = asked
    question = open_().get_by_role("region", name="Question of step draft")

    question.get_by_label("It has not happened").check()
    expect(question.get_by_label("What it returned")).to_be_hidden()
    question.get_by_role("button", name="Record").click()

    expect(question).to_have_count(0)
    assert told(server, "doubt_resolved")[0]["happened"] is False


@pytest.mark.parametrize("approved", [True, False])
def test_an_approval_is_given_or_rejected_with_a_comment(asked, approved):
    server, _, open_ = asked
    question = open_().get_by_role("region", name="Question of step sign_off")
    expect(question).to_contain_text("May the briefing be published?")

    question.get_by_label("Comment").fill("too long")
    question.get_by_role("button", name="Approve" if approved else "Reject").click()

    expect(question).to_have_count(0)
    (answer,) = told(server, "step_answered")
    assert (answer["approved"], answer["comment"]) == (approved, "too long")


def test_an_approval_shows_what_it_is_about(asked):
    _, _, open_ = asked
    question = open_().get_by_role("region", name="Question of step sign_off")

    expect(question.locator("dt")).to_have_text(["text"])
    expect(question.locator("dd")).to_have_text(["All is well."])


def test_where_the_service_has_gone_an_answer_says_so(asked):
    _, _, open_ = asked
    question = open_().get_by_role("region", name="Question of step sign_off")
    page = question.page
    page.route("**/approvals/**", lambda route: route.abort())

    question.get_by_role("button", name="Approve").click()

    expect(page.get_by_role("alert")).to_contain_text("The service does not answer Check that it runs")
    expect(question).to_have_count(1)


def test_a_callback_gets_its_message(asked):
    server, _, open_ = asked
    question = open_().get_by_role("region", name="Question of step paid")

    question.get_by_label("The message, as JSON").fill("[12]")
    question.get_by_role("button", name="Send").click()

    expect(question).to_have_count(0)
    assert told(server, "step_answered")[0]["output"] == [12]


def test_what_is_typed_survives_changes_of_the_run(asked):
    server, task, open_ = asked
    question = open_().get_by_role("region", name="Question of step sign_off")
    question.get_by_label("Comment").fill("half a thought")

    server.run(server.gateway.show(task, usd=0.5))

    expect(question.page.locator(".figures")).to_contain_text("$0.50")
    expect(question.get_by_label("Comment")).to_have_value("half a thought")


def test_graph_and_table_show_steps_that_are_skipped_held_pending_and_in_doubt(asked):
    _, _, open_ = asked
    page = open_("steps")
    grid = page.get_by_role("grid", name="Steps")

    for step, state in {
        "publish": "held",
        "apologise": "skipped",
        "each_figure": "to be unrolled",
        "draft": "in doubt",
    }.items():
        expect(grid.get_by_role("row").filter(has=page.get_by_text(step, exact=True))).to_contain_text(state)
    page.get_by_label("State").select_option("skipped")
    grid.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary")).to_contain_text("the route 'answer' takes another way")
    page.get_by_role("tab", name="Graph").click()
    expect(page.get_by_text("16 steps, 1 to be unrolled, 1 skipped")).to_be_visible()


def test_the_end_of_a_fan_out_and_what_was_given_up_is_told(asked):
    _, _, open_ = asked
    page = open_()

    page.get_by_text("each: 3 of 5 results, min successful reached · went on without 1 step").click()

    expect(page.get_by_text("step 'figure' failed: no data")).to_be_visible()
    expect(page.get_by_text("enough elements have succeeded")).to_be_visible()


UNDOING = UndoingView(
    reason="step 'publish' failed: the printer is out of paper",
    left=2,
    undone=("draft",),
    failed={"undo:figure": "step 'undo:figure' failed: it was sold"},
)


def test_an_undoing_tells_why_what_is_left_what_is_undone_and_what_cannot_be(asked):
    server, task, open_ = asked
    server.run(server.gateway.show(task, undoing=UNDOING, status=RunStatus.RUNNING, in_doubt=(), waiting=()))
    page = open_()

    box = page.get_by_role("region", name="Undoing")
    expect(box).to_contain_text("Undoing, 2 steps left: step 'publish' failed: the printer is out of paper")
    expect(box).to_contain_text("Undone: draft")
    expect(box).to_contain_text("undo:figure step 'undo:figure' failed: it was sold")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    page.goto(server.url)
    expect(page.locator("tbody .reason")).to_contain_text("undoing, 2 steps left: step 'publish' failed")
    expect(page.locator("tbody").get_by_role("button", name="Cancel")).to_have_count(0)


def test_an_ended_task_still_tells_what_was_undone(asked):
    server, task, open_ = asked
    failure = Failure(kind=FailureKind.ERROR, message="step 'publish' failed; undone: 'draft'")
    ended = UNDOING.model_copy(update={"left": 0})
    change = {"status": RunStatus.FAILED, "failure": failure, "ended_s": 9.0, "in_doubt": (), "waiting": ()}
    server.run(server.gateway.show(task, undoing=ended, **change))

    box = open_().get_by_role("region", name="Undoing")

    expect(box).to_contain_text("Not undone:")
    expect(box).not_to_contain_text("left")
    box.get_by_role("button", name="draft").click()
    expect(box.page.get_by_role("heading", name="draft")).to_be_visible()


def test_the_list_says_what_a_task_waits_for_somebody_to_answer(asked):
    server, task, open_ = asked
    server.run(server.gateway.show(task, in_doubt=(), status=RunStatus.RUNNING))
    page = open_()

    page.goto(server.url)

    expect(page.locator("tbody .reason")).to_have_text(
        "step 'sign_off' is waiting for an answer: May the briefing be published?"
    )


def test_a_task_that_asks_about_its_limits_is_answered_on_its_page(asked):
    server, task, open_ = asked
    held = LimitQuestion(limit=TaskLimit.BUDGET_USD, message="step 'send' would cost $1.00", steps=("send",))
    raised = LimitAnswer(at_s=7.0, action="raise", budget_usd=2.0, by="ada", comment="the customer pays")
    server.run(server.gateway.show(task, limits=LimitsView(budget_usd=2.0, asked=(held,), answers=(raised,))))
    page = open_()
    question = page.get_by_role("region", name="Question about budget in dollars")

    expect(question).to_contain_text("step 'send' would cost $1.00")
    expect(page.locator("main")).to_contain_text("budget in dollars raised to 2 by ada: the customer pays")
    question.get_by_role("button", name="Raise").click()
    expect(page.get_by_role("alert")).to_contain_text("does not raise the limit")
    question.get_by_label("New budget in dollars").fill("5")
    question.get_by_role("button", name="Raise").click()

    expect(question).to_have_count(0)
    assert [(one["action"], one["budget_usd"]) for one in told(server, "limits_answered")] == [("raise", 5.0)]
