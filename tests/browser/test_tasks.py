"""The list of tasks in a browser."""

import made_up_runs
import page_runs as runs
from page_server import page_server
from playwright.sync_api import expect

from orchestrator.ingress.keyring import Keyring
from orchestrator.keys import Scope, new_key
from reconciler.journal.stored_key import StoredKey
from reconciler.state.commands import RunStatus


def test_the_list_shows_status_reason_progress_and_seconds_saved(site, opened):
    page = opened(site.at())

    row = page.get_by_role("row").filter(has_text="A briefing that fails")
    expect(row).to_contain_text("failed")
    expect(row).to_contain_text("step 'draft' failed: the model returned no text <img")
    expect(row).to_contain_text("12/14")
    good = page.get_by_role("row").filter(has_text="Briefing on spin qubits in germanium")
    expect(good).to_contain_text("1.93 s")
    expect(good).to_contain_text("$0.021")


def test_filters_and_search_narrow_the_list_and_can_be_shared_as_an_address(site, opened):
    page = opened(site.at())
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(3)

    page.get_by_role("button", name="Failed").click()
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="All").click()
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("/")
    page.keyboard.type("hour of")
    expect(rows).to_have_count(1)

    again = opened(page.url)
    expect(again.locator("tbody tr")).to_have_count(1)
    expect(again.get_by_role("searchbox")).to_have_value("hour of")


def test_a_running_task_is_cancelled_from_the_list(opened):
    with page_server(runs.CATALOG, runs.CLUSTER) as server:
        run = runs.briefing()
        task = server.run(made_up_runs.submitted(server, run))
        server.run(made_up_runs.shown(server, task, run, 1.0))
        page = opened(server.url)

        page.get_by_role("button", name=f"Cancel {run.name}").click()

        expect(page.locator("tbody .status")).to_have_text("cancelled")
        assert server.run(server.gateway.wait(task, 0)).status is RunStatus.CANCELLED


def test_new_tasks_appear_and_running_ones_move_without_a_reload(opened):
    with page_server(runs.CATALOG, runs.CLUSTER) as server:
        page = opened(server.url)
        expect(page.get_by_text("No tasks yet.")).to_be_visible()
        run = runs.briefing()
        task = server.run(made_up_runs.submitted(server, run))
        server.run(made_up_runs.shown(server, task, run, 1.0))
        expect(page.locator("tbody .status")).to_have_text("planning")

        server.run(made_up_runs.shown(server, task, run, run.end_s))

        expect(page.locator("tbody .status")).to_have_text("succeeded")


def test_ten_thousand_tasks_are_paged(opened):
    with page_server(runs.CATALOG, runs.CLUSTER) as server:
        server.run(made_up_runs.many(server, runs.briefing(), 10_000))
        page = opened(server.url)
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(50)
        first = page.locator("tbody .id").first.inner_text()

        page.get_by_role("link", name="Older").click()

        expect(page.locator("tbody .id").first).not_to_have_text(first)
        expect(rows).to_have_count(50)
        page.get_by_role("link", name="Newest").click()
        expect(page.locator("tbody .id").first).to_have_text(first)


def test_the_page_works_below_a_path_prefix(opened):
    with page_server(runs.CATALOG, runs.CLUSTER, prefix="/tools/forerun") as server:
        server.run(made_up_runs.ended(server, runs.briefing()))
        page = opened(server.url)

        page.get_by_role("link", name="Briefing on spin qubits").click()
        expect(page.locator(".task-name .status")).to_have_text("succeeded")
        page.get_by_role("tab", name="Steps").click()
        expect(page.get_by_role("gridcell", name="publish", exact=True)).to_be_visible()
        page.get_by_role("link", name="API", exact=True).click()
        expect(page.get_by_text("/v1/tasks/{task_id}/graph")).to_be_visible()


class _Keys:
    def __init__(self, *keys: StoredKey) -> None:
        self._keys = keys

    def all(self) -> tuple[StoredKey, ...]:
        return self._keys


def test_the_page_asks_for_a_key_and_keeps_it_for_the_tab(opened):
    token, stored = new_key("people", Scope.READ, 0.0)
    with page_server(runs.CATALOG, runs.CLUSTER, keyring=Keyring(lambda: _Keys(stored))) as server:
        server.run(made_up_runs.ended(server, runs.briefing()))
        page = opened(server.url)
        expect(page.get_by_role("dialog", name="API key")).to_be_visible()

        page.get_by_label("Key", exact=True).fill("wrong")
        page.get_by_role("button", name="Use this key").click()
        expect(page.get_by_text("did not accept this key")).to_be_visible()
        page.get_by_label("Key", exact=True).fill(token)
        page.get_by_role("button", name="Use this key").click()

        page.get_by_role("link", name="Briefing on spin qubits").click()
        expect(page.locator(".task-name .status")).to_have_text("succeeded")
        page.get_by_role("tab", name="Graph").click()
        expect(page.get_by_text("15 steps")).to_be_visible()
        page.reload()
        expect(page.locator(".task-name .status")).to_have_text("succeeded")


def test_an_ended_task_is_retried_from_the_list_and_from_a_step(opened):
    with page_server(runs.CATALOG, runs.CLUSTER) as server:
        task = server.run(made_up_runs.ended(server, runs.briefing(fails=True)))
        page = opened(server.url)

        page.get_by_role("button", name="Retry").click()

        expect(page.locator(".task-name .status")).to_have_text("planning")
        assert task not in page.url
        page.goto(f"{server.url}#/tasks/{task}?step=read[0]")
        page.get_by_role("button", name="Retry from here").click()
        expect(page.locator(".task-name .status")).to_have_text("planning")
        assert task not in page.url


def test_tasks_are_found_by_their_labels(opened):
    with page_server(runs.CATALOG, runs.CLUSTER) as server:
        for team in ("blue", "red"):
            run = runs.briefing(name=f"Briefing of the {team} team")
            task = server.run(made_up_runs.ended(server, run))
            server.run(server.gateway.show(task, labels={"team": team}))
        page = opened(server.url)
        expect(page.locator("tbody tr")).to_have_count(2)
        expect(page.locator("tbody")).to_contain_text("team=red")

        page.get_by_role("searchbox").fill("team=blue")

        expect(page.locator("tbody tr")).to_have_count(1)
        expect(page.locator("tbody")).to_contain_text("Briefing of the blue team")
        page.get_by_role("link", name="Briefing of the blue team").click()
        expect(page.locator(".task-line")).to_contain_text("team=blue")
