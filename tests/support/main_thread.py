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
_BEGUN, _READY = "navigationStart", "forerun-ready"
_TASKS = ("RunTask", "ThreadControllerImpl::RunTask")


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
        events = json.loads(browser.stop_tracing())["traceEvents"]
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e.get("name") == "thread_name"}
    main = busiest([key for key, name in names.items() if name == "CrRendererMain"], events)
    found = [e for e in events if (e.get("pid"), e.get("tid")) == main and e.get("ph") == "X"]
    runs = sorted((e for e in found if e["name"] in _TASKS and "tdur" in e), key=lambda e: -e["tdur"])
    tasks.cpu_ms = [e["tdur"] / 1000 for e in runs]
    tasks.until_ready_ms = _until_ready_ms(main[0], events)
    if runs:
        within = [
            e for e in found if runs[0]["ts"] <= e["ts"] <= runs[0]["ts"] + runs[0]["dur"] and e.get("tdur", 0) > 3000
        ]
        tasks.longest = [
            f"{e['name']} {e['tdur'] / 1000:.1f} ms {_where(e)}" for e in sorted(within, key=lambda e: -e["tdur"])[:12]
        ]


def ready(page: Page) -> None:
    """Note in the trace that the page is ready."""
    page.evaluate(f"performance.mark('{_READY}')")


def _until_ready_ms(process: int, events: list[dict[str, Any]]) -> float | None:
    found = [e for e in events if e.get("pid") == process]
    began, end = (max((e["ts"] for e in found if e["name"] == name), default=None) for name in (_BEGUN, _READY))
    if began is None or end is None:
        return None
    return sum(e["tdur"] for e in found if e["name"] in _TASKS and "tdur" in e and began <= e["ts"] <= end) / 1000


def busiest(threads: list[tuple[int, int]], events: list[dict[str, Any]]) -> tuple[int, int]:
    """The main thread of the page: a browser has spare renderers that do nothing."""
    spent = dict.fromkeys(threads, 0.0)
    for event in events:
        key = (event.get("pid"), event.get("tid"))
        if key in spent and event.get("name") in _TASKS:
            spent[key] += event.get("tdur", 0)
    return max(spent, key=spent.__getitem__)


def _where(event: dict[str, Any]) -> str:
    data = event.get("args", {}).get("data", {})
    return f"{data.get('functionName', '')} {str(data.get('url', '')).rpartition('/')[2]}".strip()
