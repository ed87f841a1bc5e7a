"""The page of a real service in a real browser: a run while it goes on, after its end, and one that fails."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from browsers import GUARD_MS, chromium
from playwright.sync_api import Page, expect

from orchestrator.client.errors import Busy
from reconciler.views.models import TaskView

READY_S = 300.0
LETTERS = {
    "name": "count letters",
    "inputs": {"text": "agents ahead of plan"},
    "workflow": {
        "steps": [
            {"id": "words", "capability": "split", "inputs": {"text": "$inputs.text"}},
            {
                "id": "each",
                "for_each": "$steps.words",
                "steps": [{"id": "count", "capability": "count", "inputs": {"word": "$item"}}],
            },
            {"id": "sum", "capability": "add", "inputs": {"numbers": "$steps.each"}},
        ]
    },
}


WRITING = {
    "name": "write to the context",
    "inputs": {"text": "agents ahead of plan"},
    "workflow": {
        "steps": [
            {"id": "words", "capability": "split", "inputs": {"text": "$inputs.text"}, "writes": {"found": "$output"}},
            {
                "id": "way",
                "route": [
                    {
                        "when": "$steps.words.size() > 2",
                        "steps": [{"id": "count", "capability": "count", "inputs": {"word": "$context.found.0"}}],
                    }
                ],
            },
        ]
    },
}


def one(capability: str, **inputs) -> dict:
    return {"name": capability, "workflow": {"steps": [{"id": "only", "capability": capability, "inputs": inputs}]}}


def submitted(client: Any, task: dict) -> TaskView:
    """Submit as soon as the service takes tasks: a busy machine may not have its planner ready with its port."""
    until = time.monotonic() + READY_S
    while True:
        try:
            return client.submit(task)
        except Busy:
            if time.monotonic() > until:
                raise


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(GUARD_MS)
        yield page


def test_a_run_is_followed_to_its_end_and_its_steps_are_shown(service, client, page):
    task = submitted(client, LETTERS).id
    page.goto(f"{service.url}/#/tasks/{task}")

    expect(page.locator(".task-name .status")).to_have_text("succeeded")
    page.get_by_role("tab", name="Steps").click()
    grid = page.get_by_role("grid", name="Steps")
    expect(grid.get_by_role("row")).to_have_count(7)
    grid.get_by_text("sum", exact=True).click()
    step = page.get_by_role("complementary")
    expect(step).to_contain_text("17")
    expect(step).to_contain_text("adder")
    page.get_by_role("tab", name="Graph").click()
    expect(page.get_by_text("6 steps")).to_be_visible()


def test_the_context_and_the_chances_of_routes_are_shown(service, client, page):
    task = client.wait(submitted(client, WRITING).id, READY_S).id
    page.goto(f"{service.url}/#/tasks/{task}?tab=context")

    expect(page.get_by_role("grid", name="Context")).to_contain_text('["agents","ahead","of","plan"]')
    page.get_by_role("tab", name="Plans").click()
    expect(page.get_by_role("list", name="Chances of the routes")).to_contain_text("Route way: 100 %")


def test_a_running_task_is_listed_and_cancelled(service, client, page):
    task = submitted(client, one("sleep", seconds=600)).id
    page.goto(f"{service.url}/#/tasks?status=running")

    page.get_by_role("button", name="Cancel sleep").first.click()

    assert client.wait(task, READY_S).status == "cancelled"


def test_a_failure_names_the_line_of_the_user(service, client, page):
    task = client.wait(submitted(client, one("break", reason="no <b>luck</b>")).id, READY_S).id
    page.goto(f"{service.url}/#/tasks/{task}?step=only")

    banner = page.get_by_role("region", name="Failure")
    expect(banner).to_contain_text("ValueError")
    expect(banner).to_contain_text("no <b>luck</b>")
    expect(banner).to_contain_text("e2e_agents.py:")
    expect(page.get_by_role("complementary")).to_contain_text("Traceback")


def test_cluster_and_learner_of_a_real_service_are_shown(service, client, page):
    client.wait(submitted(client, LETTERS).id, READY_S)

    page.goto(f"{service.url}/#/cluster")
    expect(page.get_by_role("heading", name="Nodes")).to_be_visible()
    expect(page.get_by_text("splitter").first).to_be_visible()
    page.goto(f"{service.url}/#/learner")
    expect(page.get_by_role("heading", name="Calibration")).to_be_visible()


def test_the_trace_of_a_run_is_written_by_the_command(client, forerun, tmp_path):
    task = client.wait(submitted(client, LETTERS).id, READY_S).id

    done = forerun("trace", task, "--output", str(tmp_path / "run.json"))

    assert done.returncode == 0, done.stderr
    names = {event["name"] for event in json.loads((tmp_path / "run.json").read_text())["traceEvents"]}
    assert {"words", "sum", "optimal planning"} <= names
