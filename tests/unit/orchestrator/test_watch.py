"""Live progress in a terminal goes on until the task has ended or needs a person."""

import asyncio
from io import StringIO

import pytest
from rich.console import Console

from orchestrator.cli import watch as watching


@pytest.fixture
def screen(monkeypatch):
    """What a terminal shows."""
    text = StringIO()
    monkeypatch.setattr(watching, "console", Console(file=text, force_terminal=True, width=160, height=40))
    return text


async def test_a_task_is_drawn_until_it_has_ended(client, gateway, task, screen):
    view = await client.submit(task)
    drawing = asyncio.create_task(watching.watch(client, view.id))
    await gateway.record(view.id, "attempt_dispatched", step="fetch")
    await gateway.end(view.id)

    assert (await drawing).status == "succeeded"
    assert "succeeded" in screen.getvalue()


async def test_a_task_in_doubt_is_drawn_once_more_and_left(client, gateway, task, screen, monkeypatch):
    monkeypatch.setattr("orchestrator.client.client._POLL_S", 0.01)
    view = await client.submit(task)
    gateway.doubt(view.id, "digest")

    assert (await watching.watch(client, view.id)).needs_resolution
    assert "forerun resolve" in screen.getvalue()
