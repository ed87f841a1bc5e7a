"""`forerun reload`: new agents, and new code of agents, without a restart."""
# ruff: noqa: FBT002 - a command's parameters are the options people type, flags among them

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from orchestrator.agent_files import load_agents
from orchestrator.cli.exit_codes import reported
from orchestrator.cli.options import DEFAULT_URL, AsJson, SettingsFile, Url
from orchestrator.cli.output import console, print_json
from orchestrator.cli.tasks import with_client
from orchestrator.config import load_settings
from orchestrator.errors import InvalidOption
from orchestrator.reload import Reloaded


@reported
def reload(
    catalog: Annotated[Path | None, typer.Option(help="The catalog; default: that of the settings.")] = None,
    url: Url = DEFAULT_URL,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Replace the catalog of a running service, and load the present code of its agents.

    Running attempts end with the old code; attempts that are dispatched later use the new one. A catalog that is not
    valid is refused, and nothing changes.
    """
    file = catalog or load_settings(settings_file, {}).catalog
    if file is None:
        raise InvalidOption("no catalog is given", "--catalog", "give the catalog of the service")
    agents = load_agents(file)
    changes = with_client(url, lambda client: client.reload(agents))
    if as_json:
        print_json(changes)
    else:
        console.print(summary(changes), soft_wrap=True)


def summary(changes: Reloaded) -> str:
    """A reload in one line of markup."""
    parts = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
    named = [f"{what} {', '.join(map(escape, agents))}" for what, agents in parts.items() if agents]
    return f"reloaded: {changes.agents} agents" + (f"; {'; '.join(named)}" if named else "")
