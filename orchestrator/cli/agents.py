"""`forerun agents`: list the agents of a service, or check those of a catalog."""
# ruff: noqa: FBT002 - a command's parameters are the options people type, flags among them

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from orchestrator.cli.credentials import with_credentials
from orchestrator.cli.exit_codes import ExitCode, reported
from orchestrator.cli.inventory import agents as list_agents
from orchestrator.cli.listing import Listing
from orchestrator.cli.options import DEFAULT_URL, AsJson, Url
from orchestrator.cli.output import console, print_json
from planners.agents import AgentSpec, Catalog
from planners.errors import ForerunError

_CHECK_S = 60.0

agents = typer.Typer(help="List the agents of the service, or check those of a catalog.")


@agents.callback(invoke_without_command=True)
@with_credentials
@reported
def list_or_command(context: typer.Context, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """List the agents of the service, or check those of a catalog."""
    if context.invoked_subcommand is None:
        list_agents(url, as_json)


@agents.command("check")
@reported
def check(
    catalog: Annotated[Path, typer.Argument(help="Catalog file (YAML or JSON).")], as_json: AsJson = False
) -> None:
    """Validate a catalog and try each agent: imports, programs, servers, keys. Exit code 2 if one could not run.

    No agent is called, and nothing is paid for.
    """
    # Imported here: reading a catalog imports what its agents need.
    from orchestrator.agent_files import load_agents  # noqa: PLC0415 (see above)

    tried = asyncio.run(_tried(load_agents(catalog)))
    if as_json:
        print_json(
            [{"agent": agent.name, "healthy": not fix, "found": found, "fix": fix} for agent, found, fix in tried]
        )
    else:
        rows = [
            [escape(agent.name), agent.kind.value, "[red]no[/]" if fix else "[green]yes[/]", escape(found), escape(fix)]
            for agent, found, fix in tried
        ]
        console.print(Listing(["agent", "kind", "can run", "found", "fix"], rows, texts=("found", "fix")))
    if any(fix for _, _, fix in tried):
        raise typer.Exit(ExitCode.BAD_INPUT)


async def _tried(catalog: Catalog) -> list[tuple[AgentSpec, str, str]]:
    """Each agent with what was found, and with the fix if it could not run."""
    return list(await asyncio.gather(*map(_one, catalog.agents)))


async def _one(agent: AgentSpec) -> tuple[AgentSpec, str, str]:
    from actors.kinds.kind import kind_of  # noqa: PLC0415 (see `check`)

    try:
        async with asyncio.timeout(_CHECK_S):
            return agent, await kind_of(agent.kind).health(agent), ""
    except ForerunError as error:
        return agent, error.message, error.fix or "see the message"
    except TimeoutError:
        return agent, f"no answer within {_CHECK_S:g} s", "check that the server runs"
    except Exception as error:  # noqa: BLE001 boundary: whatever a kind's library raises is that agent's problem
        return agent, f"{type(error).__name__}: {error}", "see the message"
