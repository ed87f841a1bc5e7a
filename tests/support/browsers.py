"""Debian's chromium, driven by playwright. Tests skip without it; in CI that is a failure."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

GUARD_MS = 120_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser; closed on exit."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        why = "install the Debian package chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    expect.set_options(timeout=GUARD_MS)
    with sync_playwright() as playwright:
        # The sandbox needs user namespaces, which containers often forbid; the pages are our own.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
