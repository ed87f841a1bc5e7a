"""axe finds nothing serious on any view, in light and dark, on a desk and on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

VIEWS = {
    "tasks": ("", "Briefing on spin qubits"),
    "timeline": ("good", "critical path"),
    "graph": ("good?tab=graph", "15 steps"),
    "steps": ("good?tab=steps", "15 steps"),
    "plans": ("good?tab=plans", "guessed otherwise"),
    "step": ("bad?step=draft", "Traceback (most recent call last)"),
    "context": ("good?tab=context", "3 versions in the context"),
    "logs": ("bad?tab=logs", "no text in the answer"),
    "learner": ("#/learner", "Calibration"),
    "cluster": ("#/cluster", "Providers"),
    "api": ("docs", "/v1/tasks/{task_id}/graph"),
}
SERIOUS = {"serious", "critical"}


def address(site, place):
    name, _, query = place.partition("?")
    if name in site.tasks:
        return site.task(name, **dict(pair.split("=") for pair in query.split("&") if pair))
    return site.at(place)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_has_no_serious_finding(site, opened, view, dark, phone):
    place, text = VIEWS[view]
    page = opened(address(site, place), dark=dark, phone=phone)
    expect(page.get_by_text(text).first).to_be_attached()

    found = Axe().run(page).response["violations"]

    told = [f"{one['id']}: {node['html'][:160]}" for one in found if one["impact"] in SERIOUS for node in one["nodes"]]
    assert told == []


def test_every_control_of_the_list_is_reached_by_tab(site, opened):
    page = opened(site.at())
    expect(page.locator("tbody tr")).to_have_count(3)
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent || document.activeElement.ariaLabel || ''"))

    assert {"Skip to the content", "Tasks", "Learner", "Cluster", "Failed", "A briefing that fails"} <= reached


def test_the_theme_button_overrides_the_colours_of_the_system(site, opened):
    page = opened(site.at())
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)

    page.get_by_role("button", name="Colour theme").click()

    assert page.evaluate(colour) != light
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(3)
    assert page.evaluate(colour) != light
