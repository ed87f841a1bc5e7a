"""The command `context`: what the steps of a task have written to its context."""

import json

from rich.markup import escape

from orchestrator.cli.exit_codes import reported
from orchestrator.cli.listing import Listing
from orchestrator.cli.options import DEFAULT_URL, AsJson, TaskIdArgument, Url
from orchestrator.cli.output import console, print_json, seconds
from orchestrator.cli.tasks import with_client
from reconciler.views.context import ContextVersion

_MOST_CHARS = 60


@reported
def context(task_id: TaskIdArgument, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:  # noqa: FBT002 - a flag
    """Show what the steps of a task have written to its context."""
    view = with_client(url, lambda client: client.context(task_id))
    if as_json:
        print_json(view)
        return
    rows = [
        (escape(one.key), str(one.version), escape(one.step), seconds(one.at_s), _shown(one)) for one in view.versions
    ]
    if rows:
        console.print(Listing(("key", "version", "step", "at s", "value"), rows, texts=("value",)))
    else:
        console.print("no step has written anything yet")


def _shown(version: ContextVersion) -> str:
    if version.in_output:
        return f"in the output of {escape(version.step)}"
    text = json.dumps(version.value, ensure_ascii=False)
    text = text if len(text) <= _MOST_CHARS else f"{text[: _MOST_CHARS - 1]}…"
    return escape(text) + (" (staged)" if version.staged else "")
