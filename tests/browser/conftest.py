"""A browser, and a server over a gateway in memory that holds made-up runs. Needs Debian's chromium, and no Ray."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import made_up_runs
import page_runs as runs
import pytest
from browsers import GUARD_MS, chromium
from learned_statistics import LEARNED
from page_context import shared
from page_server import PageServer, page_server
from playwright.sync_api import Browser, Page

PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One a module: while playwright is open, no test that follows can run an event loop of its own."""
    with chromium() as running:
        yield running


@dataclass
class Site:
    """The server and its tasks by name."""

    server: PageServer
    tasks: dict[str, str] = field(default_factory=dict)

    def at(self, place: str = "") -> str:
        return self.server.url + place

    def task(self, name: str, **parameters: str) -> str:
        query = "&".join(f"{key}={value}" for key, value in parameters.items())
        return self.at(f"#/tasks/{self.tasks[name]}" + (f"?{query}" if query else ""))


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """One server for all tests of a module that change nothing."""
    with page_server(runs.CATALOG, runs.CLUSTER) as server:
        site = Site(server)
        server.gateway.learned = LEARNED
        for name, run in (
            ("good", runs.briefing()),
            ("bad", runs.briefing(fails=True, name="A briefing that fails")),
            ("idle", runs.briefing(idle_s=3600, name="An hour of waiting")),
        ):
            site.tasks[name] = server.run(made_up_runs.ended(server, run))
        made_up_runs.logged(server, site.tasks["bad"])
        shared(server, site.tasks["good"])
        yield site


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page. After the test: no script has failed, and nothing that an agent returned has run."""
    pages: list[tuple[Page, list[str]]] = []

    def open_(url: str, *, dark: bool = False, phone: bool = False, **more: Any) -> Page:
        size = PHONE if phone else {"width": 1280, "height": 800}
        context = browser.new_context(
            viewport=size, color_scheme="dark" if dark else "light", has_touch=phone, accept_downloads=True, **more
        )
        context.set_default_timeout(GUARD_MS)
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None)
        pages.append((page, errors))
        page.goto(url)
        return page

    yield open_
    for page, errors in pages:
        assert not page.evaluate("window.hacked")
        page.context.close()
        assert errors == []
