"""One task in a browser: figures, timeline, graph, steps, plans, logs, and one step."""

import json
import re
from itertools import pairwise

import made_up_runs
import page_runs as runs
import pytest
from page_context import EVIL_VALUE
from page_server import page_server
from playwright.sync_api import expect

FIGURES = {"Took": "9.30 s", "Steps": "14 of 14", "First agent": "12 ms", "Saved": "1.93 s", "Similarity": "0.64"}


def drawn(page, canvas="canvas.plot"):
    """How many different colours a canvas shows: one if nothing is drawn."""
    count = """canvas => {
        const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size;
    }"""
    return page.locator(canvas).evaluate(count)


def test_the_head_shows_what_the_run_took_and_saved(site, opened):
    page = opened(site.task("good"))

    for name, value in FIGURES.items():
        expect(page.locator(".figures div").filter(has=page.get_by_text(name, exact=True))).to_contain_text(value)
    page.get_by_text("Outputs").click()
    expect(page.locator(".task pre")).to_contain_text("Germanium holes couple")


def test_the_timeline_is_drawn_and_walked_by_keyboard(site, opened):
    page = opened(site.task("good"))
    expect(page.locator(".legend")).to_contain_text("salvaged: re-parented")
    expect(page.locator(".legend")).to_contain_text("critical path")
    page.wait_for_function("document.querySelector('.plot-scroll').clientHeight > 200")
    assert drawn(page) > 10

    page.get_by_role("application", name="Timeline").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#announcer")).to_contain_text("search[")
    page.keyboard.press("Enter")

    expect(page.get_by_role("complementary")).to_contain_text("search")
    page.keyboard.press("Escape")
    expect(page.get_by_role("complementary")).to_be_hidden()


def test_long_idle_time_is_compressed_and_can_be_shown_in_full(site, opened):
    page = opened(site.task("idle"))
    box = page.get_by_label("Compress idle time")

    expect(box).to_be_checked()
    box.uncheck()
    expect(box).not_to_be_checked()
    expect(page.locator(".figures")).to_contain_text("1 h 00 min")


def test_the_graph_is_drawn_and_follows_its_edges_by_keyboard(site, opened):
    page = opened(site.task("good", tab="graph"))
    expect(page.get_by_text("15 steps")).to_be_visible()
    assert drawn(page) > 10

    graph = page.get_by_role("application", name="Graph")
    graph.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.locator("#announcer")).to_contain_text("compare")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="compare")).to_be_visible()


def test_a_step_shows_inputs_output_attempts_and_the_decision_of_the_gate(site, opened):
    page = opened(site.task("good", step="compare"))
    step = page.get_by_role("complementary")

    expect(step).to_contain_text("$steps.read[0]")
    expect(step).to_contain_text("text of compare.")
    expect(step).to_contain_text("2 attempts")
    step.get_by_text("compare#1").click()
    expect(step).to_contain_text("the provider answered 429")
    expect(step).to_contain_text("Refused: it waited for the optimal plan.")
    expect(step).to_contain_text("52 % that the work survives (the planner claimed 61 %)")
    expect(step).to_contain_text("the expected gain is below the charge")
    step.get_by_role("button", name="read[3]").click()
    expect(page.get_by_role("heading", name="read[3]")).to_be_visible()
    expect(step).to_contain_text("salvage: migrate")


def test_inputs_of_the_task_are_shown_as_values(site, opened):
    page = opened(site.task("good", step="search[1]"))
    expect(page.get_by_role("complementary")).to_contain_text("spin qubits in germanium")


def test_a_failed_step_shows_what_where_and_what_to_do_and_runs_no_markup(site, opened):
    page = opened(site.task("bad", step="draft"))

    banner = page.get_by_role("region", name="Failure")
    expect(banner).to_contain_text("the model returned no text <img src=x")
    expect(banner).to_contain_text("What to do: see the traceback")
    step = page.get_by_role("complementary")
    expect(step).to_contain_text("ValueError")
    expect(step).to_contain_text("agents.py:9 in draft")
    expect(step).to_contain_text('raise ValueError("no text")')
    expect(step).to_contain_text("Traceback (most recent call last)")
    expect(step).to_contain_text("KeyError: 'choices'")
    page.get_by_role("button", name="Open step draft").first.click()
    assert page.locator("main img, main script").count() == 0


def test_the_table_of_steps_is_searched_filtered_and_opened_by_keyboard(site, opened):
    page = opened(site.task("good", tab="steps"))
    grid = page.get_by_role("grid", name="Steps")
    expect(grid.get_by_role("row")).to_have_count(16)

    page.get_by_role("searchbox", name="Search steps").fill("reader")
    expect(page.get_by_text("5 of 15 steps")).to_be_visible()
    page.get_by_label("State").select_option("flushed")
    expect(page.get_by_text("0 of 15 steps")).to_be_visible()
    page.get_by_label("State").select_option("")
    grid.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="read[1]")).to_be_visible()


def test_both_plans_and_their_difference_are_shown(site, opened):
    page = opened(site.task("good", tab="plans"))
    grid = page.get_by_role("grid", name="Steps of both plans")

    expect(grid.get_by_role("row").nth(1)).to_contain_text(
        "compareguessed otherwisewriter-small on headwriter-large on head"
    )
    expect(grid.get_by_role("row").nth(2)).to_contain_text("guessed at another position")
    expect(grid.get_by_role("row").nth(2)).to_contain_text("as chart")
    page.get_by_role("button", name=re.compile("only guessed")).click()
    expect(grid.get_by_role("row")).to_have_count(2)
    expect(grid.get_by_role("row").nth(1)).to_contain_text("figure")


def test_the_chances_of_routes_are_told_with_the_plans(site, opened):
    page = opened(site.task("good", tab="plans"))

    expect(page.get_by_role("list", name="Chances of the routes")).to_have_text(
        'Route answer: 90 % $steps.compare.label == "clear", 10 % else (learned)'
    )


def test_cheaper_agents_and_what_would_shorten_the_plan_are_told_with_the_plans(site, opened):
    page = opened(site.task("good", tab="plans"))
    advice = page.get_by_role("list", name="What would make the plan cheaper or shorter")

    expect(advice.get_by_role("listitem").nth(0)).to_have_text(
        "compare has slack: writer-small instead of writer-large saves $0.020"
    )
    expect(advice.get_by_role("listitem").nth(1)).to_have_text("'draft' is after 'compare' and reads nothing of it")


def test_the_context_and_the_messages_are_shown_as_text_and_lead_to_their_steps(site, opened):
    page = opened(site.task("good", tab="context"))
    context, messages = page.get_by_role("grid", name="Context"), page.get_by_role("grid", name="Messages")

    expect(context.get_by_role("row").nth(1)).to_contain_text("facts1compare2.50 s")
    expect(context.get_by_role("row").nth(1)).to_contain_text(EVIL_VALUE)
    assert len(context.get_by_role("row").nth(1).text_content()) < 500
    expect(context.get_by_role("row").nth(2)).to_contain_text("2 staged")
    expect(context.get_by_role("row").nth(3)).to_contain_text("large; in the output of compare")
    expect(messages.get_by_role("row").nth(1)).to_contain_text("draft/1draftsdraft1.2 kB3.00 s")
    expect(messages.get_by_role("row").nth(2)).to_contain_text("answer to critic/1")
    messages.get_by_text("draft/1", exact=True).click()
    expect(page.get_by_role("heading", name="draft")).to_be_visible()


def test_a_task_that_shares_nothing_says_so(site, opened):
    page = opened(site.task("bad", tab="context"))

    expect(page.get_by_text("No step has written to the context.")).to_be_visible()
    expect(page.get_by_text("No agent has published a message.")).to_be_visible()


def test_logs_are_shown_as_text_and_lead_to_their_step(site, opened):
    page = opened(site.task("bad", tab="logs"))
    grid = page.get_by_role("grid", name="Log lines")

    expect(grid).to_contain_text("asking the model <b>again</b>")
    page.get_by_label("Least severe level").select_option("error")
    expect(page.get_by_text("3 lines", exact=True)).to_be_visible()
    expect(grid.get_by_text("KeyError: 'choices'")).to_be_visible()
    grid.get_by_text("no text in the answer").click()
    expect(page.get_by_role("heading", name="draft")).to_be_visible()


def test_the_trace_is_downloaded(site, opened):
    page = opened(site.task("good"))

    with page.expect_download() as download:
        page.get_by_role("button", name="Trace").click()

    trace = json.loads(download.value.path().read_text())
    assert {"search[0]", "optimal planning"} <= {event["name"] for event in trace["traceEvents"]}


@pytest.mark.parametrize("tab", ["timeline", "graph", "steps", "plans", "logs", "context"])
def test_a_phone_shows_every_part_without_scrolling_sideways(site, opened, tab):
    page = opened(site.task("good", tab=tab, step="compare"), phone=True)
    expect(page.get_by_role("heading", name="compare")).to_be_visible()

    page.get_by_role("button", name="Close the step").tap()

    expect(page.get_by_role("complementary")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("tab", ["steps", "plans", "logs"])
def test_on_a_phone_the_columns_that_are_shown_fill_the_row(site, opened, tab):
    page = opened(site.task("bad", tab=tab), phone=True)
    row = page.locator(".vbody .vrow").first
    expect(row).to_be_visible()

    cells = [cell.bounding_box() for cell in row.get_by_role("gridcell").all() if cell.is_visible()]
    whole = row.bounding_box()

    gap, padding = 10, 14
    assert cells[0]["x"] == pytest.approx(whole["x"] + padding, abs=1)
    assert cells[-1]["x"] + cells[-1]["width"] == pytest.approx(whole["x"] + whole["width"] - padding, abs=1)
    for left, right in pairwise(cells):
        assert right["x"] == pytest.approx(left["x"] + left["width"] + gap, abs=1)


def test_plans_of_a_task_that_runs_have_no_similarity_yet(opened):
    with page_server(runs.CATALOG, runs.CLUSTER) as server:
        run = runs.briefing()
        task = server.run(made_up_runs.submitted(server, run))
        server.run(made_up_runs.shown(server, task, run, 1.0))

        figures = opened(f"{server.url}#/tasks/{task}?tab=plans").locator(".plan-figures")

        expect(figures).to_contain_text("Speculative plan")
        expect(figures).not_to_contain_text("null")


def test_a_task_that_is_not_there_is_said_to_be_missing(site, opened):
    page = opened(site.at("#/tasks/t000000000000-0000000000000000"))
    expect(page.get_by_text("there is no task 't000000000000-0000000000000000'", exact=True)).to_be_visible()
    expect(page.get_by_text("lists the tasks")).to_be_visible()


def test_a_run_moves_on_and_survives_a_service_that_was_away(opened):
    with page_server(runs.CATALOG, runs.CLUSTER) as server:
        run = runs.briefing()
        task = server.run(made_up_runs.submitted(server, run))
        server.run(made_up_runs.shown(server, task, run, 1.0))
        page = opened(f"{server.url}#/tasks/{task}")
        expect(page.locator(".task-name .status")).to_have_text("planning")

        server.gateway.is_up = False
        expect(page.locator("#connection")).not_to_be_empty()
        server.gateway.is_up = True
        server.run(made_up_runs.shown(server, task, run, run.end_s))

        expect(page.locator(".task-name .status")).to_have_text("succeeded")
        expect(page.locator("#connection")).to_be_empty()
        expect(page.locator("#announcer")).to_contain_text("succeeded")


def test_a_running_task_is_cancelled(opened):
    with page_server(runs.CATALOG, runs.CLUSTER) as server:
        run = runs.briefing()
        task = server.run(made_up_runs.submitted(server, run))
        server.run(made_up_runs.shown(server, task, run, 1.0))
        page = opened(f"{server.url}#/tasks/{task}")

        page.get_by_role("button", name="Cancel").click()

        expect(page.locator(".task-name .status")).to_have_text("cancelled")
        expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
