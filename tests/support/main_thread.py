"""What the main thread of a page does, from the browser's own trace, in CPU time: a busy machine changes nothing."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page

_CATEGORIES = [
    "toplevel",
    "devtools.timeline",
    "disabled-by-default-devtools.timeline",
    "v8.execute",
    "blink.user_timing",
]
# One of them is inside the other.
_TASK = "RunTask"
_READY, _END = "forerun-ready", "forerun-end"


@dataclass
class Tasks:
    """Milliseconds of CPU of each task, the longest first, and what ran within the longest.

    ``until_ready_ms``: of all threads of the page, its workers included, from the navigation to `ready`.
    """

    cpu_ms: list[float] = field(default_factory=list)
    longest: list[str] = field(default_factory=list)
    until_ready_ms: float | None = None


@contextmanager
def traced(browser: Browser, page: Page) -> Iterator[Tasks]:
    """Trace a page; the tasks are known on exit."""
    tasks = Tasks()
    browser.start_tracing(page=page, categories=_CATEGORIES)
    try:
        yield tasks
    finally:
        _note(page, _END)
        events = json.loads(browser.stop_tracing())["traceEvents"]
    # By its mark: the browser's own pages, such as its address bar, have main threads, too.
    end = next(e for e in events if e.get("name") == _END)
    process = [e for e in events if e.get("pid") == end["pid"] and "tdur" in e]
    found = [e for e in process if e["tid"] == end["tid"]]
    runs = sorted((e for e in found if e["name"] == _TASK), key=lambda e: -e["tdur"])
    tasks.cpu_ms = [e["tdur"] / 1000 for e in runs]
    tasks.longest = _within(runs[0], found) if runs else []
    if (mark := next((e for e in events if e.get("name") == _READY), None)) is not None:
        before = (e["tdur"] for e in process if e["name"] == _TASK and e["ts"] <= mark["ts"])
        tasks.until_ready_ms = sum(before) / 1000


def ready(page: Page) -> None:
    """Note in the trace that the page is ready."""
    _note(page, _READY)


def _note(page: Page, mark: str) -> None:
    page.evaluate("mark => void performance.mark(mark)", mark)


def _within(task: dict[str, Any], events: list[dict[str, Any]]) -> list[str]:
    inside = [e for e in events if task["ts"] <= e["ts"] <= task["ts"] + task["dur"] and e["tdur"] > 3000]
    return [f"{e['name']} {e['tdur'] / 1000:.1f} ms {_where(e)}" for e in sorted(inside, key=lambda e: -e["tdur"])[:12]]


def _where(event: dict[str, Any]) -> str:
    data = event.get("args", {}).get("data", {})
    return f"{data.get('functionName', '')} {str(data.get('url', '')).rpartition('/')[2]}".strip()
