"""Live progress of a task in the terminal."""

import asyncio
import time
from contextlib import suppress

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from orchestrator.cli.output import console, task_summary
from orchestrator.cli.tables import timeline_table
from orchestrator.client.client import Client
from reconciler.views.models import TaskView, Timeline

# At most this often, however many events arrive.
_REDRAW_S = 0.15
# Attempts that are shown in a low terminal, too, and lines that each takes in a narrow one.
_FEWEST, _LINES = 3, 3


async def watch(client: Client, task_id: str) -> TaskView:
    """Draw progress until the run has ended or is in doubt; return the last view. Without a terminal, draw once."""
    if not console.is_terminal:
        view = await client.wait(task_id)
        console.print(_progress(view, await client.timeline(task_id)))
        return view
    with Live(console=console, refresh_per_second=8) as live:
        drawing = asyncio.get_running_loop().create_task(_draw(client, task_id, live))
        try:
            view = await client.wait(task_id)
        finally:
            drawing.cancel()
            with suppress(asyncio.CancelledError):
                await drawing
        live.update(_progress(view, await client.timeline(task_id)))
    return view


async def _draw(client: Client, task_id: str, live: Live) -> None:
    live.update(_progress(await client.get(task_id), await client.timeline(task_id)))
    drawn_s = time.monotonic()
    async for _event in client.events(task_id):
        if time.monotonic() - drawn_s >= _REDRAW_S:
            drawn_s = time.monotonic()
            live.update(_progress(await client.get(task_id), await client.timeline(task_id)))


def _progress(view: TaskView, timeline: Timeline) -> Group:
    most = max(_FEWEST, console.height - 8)
    attempts = timeline_table(timeline, most)
    if not attempts.fits(console.width):
        attempts = timeline_table(timeline, max(_FEWEST, most // _LINES))
    return Group(Text.from_markup(task_summary(view)), _bar(view), attempts)


def _bar(view: TaskView) -> Table:
    bar = Table.grid(padding=(0, 1))
    bar.add_row("  ", ProgressBar(total=max(1, view.steps.total), completed=view.steps.finished, width=40))
    return bar
